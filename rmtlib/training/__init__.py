"""Networks trained on a working-memory task, and the fixed points of their dynamics."""
