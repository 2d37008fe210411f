//! How templates become one run (being written).
