"""The stages in order: inputs, outputs, gates."""
