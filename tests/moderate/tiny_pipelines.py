"""Pipelines of diffusers, the real classes with a few thousand random weights, and what they are called with."""

from __future__ import annotations

import string
from typing import Any

import torch
from diffusers import (
    AutoencoderKL,
    AutoencoderKLQwenImage,
    DDIMScheduler,
    FlowMatchEulerDiscreteScheduler,
    FluxPipeline,
    FluxTransformer2DModel,
    QwenImagePipeline,
    QwenImageTransformer2DModel,
    SD3Transformer2DModel,
    StableDiffusion3Pipeline,
    StableDiffusionImg2ImgPipeline,
    StableDiffusionPipeline,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
)
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

WIDTH = 32
"""Of what stands for a prompt."""


def quick(**more: Any) -> dict[str, Any]:
    """Return the settings of a call that takes no time and gives the same images every time."""
    return {"num_inference_steps": 2, "height": 32, "width": 32, "generator": torch.manual_seed(0), **more}


def stable_diffusion(checker: object = None, extractor: object = None, kind: Any = StableDiffusionPipeline) -> Any:
    """Make a Stable Diffusion with everything that it is saved with."""
    torch.manual_seed(0)
    unet = UNet2DConditionModel(
        block_out_channels=(4, 8),
        layers_per_block=1,
        sample_size=16,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        attention_head_dim=2,
        cross_attention_dim=WIDTH,
        norm_num_groups=2,
    )
    return kind(
        vae=_vae(latent_channels=4, doubled=True),
        text_encoder=_text_encoder(),
        tokenizer=_tokenizer(),
        unet=unet,
        scheduler=DDIMScheduler(clip_sample=False, set_alpha_to_one=False, steps_offset=1),
        safety_checker=checker,
        feature_extractor=extractor,
        requires_safety_checker=checker is not None,
    )


def image_to_image(checker: object = None, extractor: object = None) -> Any:
    """Make one that starts from an image."""
    return stable_diffusion(checker, extractor, StableDiffusionImg2ImgPipeline)


def sdxl() -> tuple[Any, dict[str, Any]]:
    """Make an SDXL without text encoders, and what stands for a prompt."""
    torch.manual_seed(0)
    unet = UNet2DConditionModel(
        block_out_channels=(2, 4),
        layers_per_block=1,
        sample_size=16,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        attention_head_dim=(2, 4),
        use_linear_projection=True,
        addition_embed_type="text_time",
        addition_time_embed_dim=8,
        transformer_layers_per_block=(1, 1),
        projection_class_embeddings_input_dim=6 * 8 + WIDTH,
        cross_attention_dim=WIDTH,
        norm_num_groups=1,
    )
    nothing = dict.fromkeys(("text_encoder", "text_encoder_2", "tokenizer", "tokenizer_2"))
    vae = _vae(latent_channels=4, doubled=True)
    pipeline = StableDiffusionXLPipeline(
        vae=vae, unet=unet, scheduler=DDIMScheduler(clip_sample=False, steps_offset=1), add_watermarker=False, **nothing
    )
    return pipeline, {**_embeds(4), "guidance_scale": 0.0}


def stable_diffusion_3() -> tuple[Any, dict[str, Any]]:
    """Make an SD3 without text encoders."""
    torch.manual_seed(0)
    transformer = SD3Transformer2DModel(
        sample_size=32,
        patch_size=1,
        in_channels=4,
        num_layers=1,
        attention_head_dim=8,
        num_attention_heads=4,
        caption_projection_dim=32,
        joint_attention_dim=WIDTH,
        pooled_projection_dim=WIDTH,
        out_channels=4,
    )
    names = ("text_encoder", "text_encoder_2", "text_encoder_3", "tokenizer", "tokenizer_2", "tokenizer_3")
    pipeline = StableDiffusion3Pipeline(
        transformer=transformer,
        scheduler=FlowMatchEulerDiscreteScheduler(),
        vae=_vae(latent_channels=4, shift=True),
        **dict.fromkeys(names),
    )
    return pipeline, {**_embeds(4), "guidance_scale": 1.0}


def flux() -> tuple[Any, dict[str, Any]]:
    """Make a Flux without text encoders."""
    torch.manual_seed(0)
    transformer = FluxTransformer2DModel(
        patch_size=1,
        in_channels=4,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=WIDTH,
        pooled_projection_dim=WIDTH,
        axes_dims_rope=[4, 4, 8],
    )
    pipeline = FluxPipeline(
        transformer=transformer,
        scheduler=FlowMatchEulerDiscreteScheduler(),
        vae=_vae(latent_channels=1, shift=True),
        **dict.fromkeys(("text_encoder", "text_encoder_2", "tokenizer", "tokenizer_2")),
    )
    return pipeline, _embeds(4)


def qwen_image() -> tuple[Any, dict[str, Any]]:
    """Make a Qwen-Image without its text encoder."""
    torch.manual_seed(0)
    transformer = QwenImageTransformer2DModel(
        patch_size=2,
        in_channels=16,
        out_channels=4,
        num_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=WIDTH,
        guidance_embeds=False,
        axes_dims_rope=(8, 4, 4),
    )
    vae = AutoencoderKLQwenImage(
        base_dim=24,
        z_dim=4,
        dim_mult=[1, 2, 4],
        num_res_blocks=1,
        temperal_downsample=[False, True],
        latents_mean=[0.0] * 4,
        latents_std=[1.0] * 4,
    )
    pipeline = QwenImagePipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(), vae=vae, text_encoder=None, tokenizer=None, transformer=transformer
    )
    said = {"prompt_embeds": torch.randn(1, 4, WIDTH), "prompt_embeds_mask": torch.ones(1, 4, dtype=torch.long)}
    return pipeline, said


WITHOUT_A_HOOK = {"SDXL": sdxl, "SD3": stable_diffusion_3, "Flux": flux, "Qwen-Image": qwen_image}


def _embeds(tokens: int) -> dict[str, torch.Tensor]:
    return {"prompt_embeds": torch.randn(1, tokens, WIDTH), "pooled_prompt_embeds": torch.randn(1, WIDTH)}


def _vae(latent_channels: int, doubled: bool = False, shift: bool = False) -> AutoencoderKL:
    count = 2 if doubled else 1
    more: dict[str, Any] = {"shift_factor": 0.06, "scaling_factor": 1.5} if shift else {}
    return AutoencoderKL(
        in_channels=3,
        out_channels=3,
        block_out_channels=(4, 8)[:count],
        down_block_types=("DownEncoderBlock2D",) * count,
        up_block_types=("UpDecoderBlock2D",) * count,
        layers_per_block=1,
        latent_channels=latent_channels,
        norm_num_groups=1,
        sample_size=32,
        use_quant_conv=not shift,
        use_post_quant_conv=not shift,
        **more,
    )


def _text_encoder() -> CLIPTextModel:
    sizes: dict[str, Any] = {"hidden_size": WIDTH, "intermediate_size": 32, "num_hidden_layers": 1}
    tokens: dict[str, Any] = {"vocab_size": 100, "bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 1}
    return CLIPTextModel(CLIPTextConfig(num_attention_heads=4, **tokens, **sizes))


def _tokenizer() -> CLIPTokenizer:
    letters = [*string.ascii_lowercase, *(f"{letter}</w>" for letter in string.ascii_lowercase)]
    words = ["<|startoftext|>", "<|endoftext|>", *letters]
    return CLIPTokenizer(vocab={word: place for place, word in enumerate(words)}, merges=[], model_max_length=16)
