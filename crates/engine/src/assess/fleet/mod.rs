//! The fleet index: distinct package rows, ranks and bitmaps; assessment inverted.
