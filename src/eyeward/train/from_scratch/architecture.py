"""The shape of `mini`: a LLaVA-OneVision model of about five million parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from transformers import LlavaOnevisionConfig


class Architecture(BaseModel):
    """Sizes of the vision tower and of the language model; heads are 64 wide, as serving kernels expect."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    image_size: int = 112
    """Side of a tile in pixels."""
    patch_size: int = 16
    vision_width: int = 192
    vision_layers: int = 6
    text_width: int = 192
    text_layers: int = 5
    text_hidden: int = 512
    """Width inside the feed-forward blocks of the language model."""
    context_length: int = 4096

    @property
    def tokens_a_tile(self) -> int:
        """Image features that one tile gives."""
        return (self.image_size // self.patch_size) ** 2

    @property
    def tokens_an_image(self) -> int:
        """Features of a square image: the base view, then one tile with a newline feature after each row."""
        rows = self.image_size // self.patch_size
        return self.tokens_a_tile + rows * (rows + 1)

    def config(self, tokenizer: Tokenizer) -> LlavaOnevisionConfig:
        """Give the Hugging Face configuration for a model that reads `tokenizer`'s ids."""
        from transformers import LlavaOnevisionConfig, Qwen2Config, SiglipVisionConfig

        from eyeward.train.from_scratch.tokenizer import END_OF_TEXT, IMAGE, TURN_END, token_id

        vision = SiglipVisionConfig(
            hidden_size=self.vision_width,
            intermediate_size=4 * self.vision_width,
            num_hidden_layers=self.vision_layers,
            num_attention_heads=self.vision_width // 64,
            image_size=self.image_size,
            patch_size=self.patch_size,
            vision_use_head=False,
        )
        text = Qwen2Config(
            vocab_size=tokenizer.get_vocab_size(),
            hidden_size=self.text_width,
            intermediate_size=self.text_hidden,
            num_hidden_layers=self.text_layers,
            num_attention_heads=self.text_width // 64,
            num_key_value_heads=self.text_width // 64,
            max_position_embeddings=self.context_length,
            tie_word_embeddings=True,
            bos_token_id=token_id(tokenizer, END_OF_TEXT),
            eos_token_id=token_id(tokenizer, TURN_END),
            pad_token_id=token_id(tokenizer, END_OF_TEXT),
        )
        return LlavaOnevisionConfig(
            vision_config=vision,
            text_config=text,
            image_token_index=token_id(tokenizer, IMAGE),
            image_grid_pinpoints=[[self.image_size, self.image_size]],
            vision_feature_layer=-1,
            vision_feature_select_strategy="full",
            vision_aspect_ratio="anyres_max_9",
            tie_word_embeddings=True,
        )
