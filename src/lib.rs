//! A gateway for image generation. Listed from the roof down; each floor uses lower floors only.
//!
//! | floor | modules |
//! |---|---|
//! | 4 hands | [`store`] |
//! | 2 judges | [`auth`], [`dialect`], [`ledger`] |
//! | 1 shapes | [`canonical`], [`catalog`], [`fault`], [`receipt`] |
//! | 0 ground | [`clock`], [`credits`], [`id`], [`secret`] |

pub mod store;

pub mod auth;
pub mod dialect;
pub mod ledger;

pub mod canonical;
pub mod catalog;
pub mod fault;
pub mod receipt;

pub mod clock;
pub mod credits;
pub mod id;
pub mod secret;
