"""The paper's experiments in small, on drawn scenes."""
