//! A gateway for image generation. Listed from the roof down; each floor uses lower floors only.
//!
//! | floor | modules |
//! |---|---|
//! | 8 roof | [`cli`] |
//! | 7 shell | [`edge`] |
//! | 6 desk | [`admin`] |
//! | 5 path | [`control`], [`gateway`] |
//! | 4 hands | [`export`], [`media`], [`painter`], [`reload`], [`store`], [`telemetry`], [`turnstile`], [`upstream`] |
//! | 3 law | [`config`], [`import`], [`policy`] |
//! | 2 judges | [`auth`], [`dialect`], [`finance`], [`job`], [`ledger`], [`limit`], [`notice`], [`played`], [`pledge`], [`price`], [`raster`], [`routing`], [`rules`], [`stuck`] |
//! | 1 shapes | [`canonical`], [`catalog`], [`fault`], [`receipt`], [`trail`] |
//! | 0 ground | [`clock`], [`credits`], [`expression`], [`id`], [`reach`], [`scalar`], [`secret`] |

pub mod cli;

pub mod edge;

pub mod admin;

pub mod control;
pub mod gateway;

pub mod export;
pub mod media;
pub mod painter;
pub mod reload;
pub mod store;
pub mod telemetry;
pub mod turnstile;
pub mod upstream;

pub mod config;
pub mod import;
pub mod policy;

pub mod auth;
pub mod dialect;
pub mod finance;
pub mod job;
pub mod ledger;
pub mod limit;
pub mod notice;
pub mod played;
pub mod pledge;
pub mod price;
pub mod raster;
pub mod routing;
pub mod rules;
pub mod stuck;

pub mod canonical;
pub mod catalog;
pub mod fault;
pub mod receipt;
pub mod trail;

pub mod clock;
pub mod credits;
pub mod expression;
pub mod id;
pub mod reach;
pub mod scalar;
pub mod secret;
