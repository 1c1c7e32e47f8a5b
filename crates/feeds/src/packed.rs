//! Packings opened within limits: gz, xz, bz2, zst, zip, tar, cab.
