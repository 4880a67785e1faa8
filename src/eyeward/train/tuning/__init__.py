"""From a checkpoint and labelled images to a guard: full fine-tuning, LoRA and distillation, with TRL and PEFT."""
