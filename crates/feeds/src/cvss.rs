//! Base scores of CVSS vectors.
