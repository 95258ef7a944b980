"""Adapter skills: LoRA weights learnt from trajectories, gated, routed, mixed."""
