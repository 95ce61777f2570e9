//! Metrics of the daemon as a scraper gets them: read by a strict parser, compared with what `.broker`
//! tells, asked for in every wrong way.

#[path = "../common/mod.rs"]
mod common;
#[allow(dead_code)]
#[path = "../daemon/support.rs"]
mod support;

mod addresses;
mod documents;
mod hostile;
mod numbers;
mod openmetrics;
mod scene;
