//! A gateway for image generation. Listed from the roof down; each floor uses lower floors only.
//!
//! | floor | modules |
//! |---|---|
//! | 4 hands | [`media`], [`painter`] |
//! | 2 judges | [`dialect`], [`raster`] |
//! | 1 shapes | [`canonical`], [`catalog`], [`fault`], [`receipt`] |
//! | 0 ground | [`clock`], [`credits`], [`id`], [`secret`] |

pub mod media;
pub mod painter;

pub mod dialect;
pub mod raster;

pub mod canonical;
pub mod catalog;
pub mod fault;
pub mod receipt;

pub mod clock;
pub mod credits;
pub mod id;
pub mod secret;
