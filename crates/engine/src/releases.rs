//! Known release days of vendors, and the advance notice before them.
