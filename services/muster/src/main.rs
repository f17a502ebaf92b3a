//! The one binary. It has no words yet: the services that it will start are being built.

fn main() {}
