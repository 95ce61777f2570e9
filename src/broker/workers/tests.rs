//! When sessions move, and that nothing gets lost when they do.

mod deciding;
mod moving;
mod scene;
