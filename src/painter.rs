//! The painter: a vendor inside this process that paints landscapes from prompt and seed.

mod brush;
mod canvas;
mod colour;
mod grid;
mod mood;
mod noise;
mod scene;

pub use canvas::{Spec, paint};
