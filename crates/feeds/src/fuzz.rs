//! Every parser as a plain function over bytes, for mutated input.
