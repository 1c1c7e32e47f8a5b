//! Windows: the graph of updates that replace each other, and where a device stands.
