//! A gateway for image generation. Listed from the roof down; each floor uses lower floors only.
//!
//! | floor | modules |
//! |---|---|
//! | 3 law | [`config`], [`policy`] |
//! | 2 judges | [`dialect`], [`limit`], [`price`], [`routing`], [`rules`] |
//! | 1 shapes | [`canonical`], [`catalog`], [`fault`], [`receipt`] |
//! | 0 ground | [`clock`], [`credits`], [`id`], [`scalar`], [`secret`] |

pub mod reload;
pub mod telemetry;

pub mod config;
pub mod policy;

pub mod dialect;
pub mod limit;
pub mod price;
pub mod routing;
pub mod rules;

pub mod canonical;
pub mod catalog;
pub mod fault;
pub mod receipt;

pub mod clock;
pub mod credits;
pub mod id;
pub mod scalar;
pub mod secret;
