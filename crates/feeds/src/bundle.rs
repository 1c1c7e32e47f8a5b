//! Signed bundles of documents, for places without internet.
