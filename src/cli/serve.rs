//! Puts the hands together, serves until told to stop, and stops in order.

use std::sync::Arc;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::admin::Admin;
use crate::clock::SystemClock;
use crate::config::Config;
use crate::control::{self, Control, Listeners, Predecessor, Successor};
use crate::edge::{self, Edge, Socket};
use crate::gateway::{Gateway, Hands};
use crate::media::Media;
use crate::painter;
use crate::reload::{LivePolicy, Look};
use crate::store::Store;
use crate::telemetry::{self, Telemetry};
use crate::turnstile::Turnstile;
use crate::upstream::Upstream;

use super::CliError;
use super::background::Background;

mod take_over;

use take_over::{Left, Successors, inherit};

/// How often a shadow policy that cannot be used is looked at.
const SHADOW_AGAIN: std::time::Duration = std::time::Duration::from_millis(500);

/// A gateway that serves, and what it takes to stop it.
pub(super) struct Running {
    pub(super) store: Store,
    edge: Edge,
    gateway: Arc<Gateway>,
    config: Config,
    background: Background,
    successors: Successors,
    signals: Signals,
}

/// Why a gateway serves no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// It was told to stop.
    Stopped,
    /// Another process serves what it served.
    HandedOver,
}

/// What a process may be told from outside. Listened for before anything is served, so that who
/// was told that it is ready can tell it to stop.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

impl Signals {
    fn listen() -> Result<Self, CliError> {
        let listen = |kind| {
            signal(kind).map_err(|source| CliError::System { what: "listen for signals", source })
        };
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
            hang_up: listen(SignalKind::hangup())?,
        })
    }
}

/// How long a start waits for what nodes share, before it serves without.
const COUNTING_WITHIN: std::time::Duration = std::time::Duration::from_secs(5);

/// Serves as configured until SIGTERM or SIGINT, or until another process takes over. With `takes_over`,
/// whoever serves the data folder already is taken over from.
pub(super) async fn serve(config: Config, takes_over: bool) -> Result<(), CliError> {
    let _log = telemetry::start_log(config.log_format, config.log_level);
    let mut before = if takes_over { take_over::find(&config).await? } else { None };
    let public = take_over::listen(before.as_mut(), config.public.address)?;
    let admin = take_over::listen(before.as_mut(), config.admin_address)?;
    let (public_address, admin_address) = (public.address(), admin.address());
    let running = start(config, (public, admin), before).await?;
    tracing::info!(%public_address, %admin_address, "serving");
    running.until_told_to_stop().await.map(|_| ())
}

/// Starts everything on sockets that are ours already. Whatever can fail does so before the process that
/// served `before` is asked for its books.
pub(super) async fn start(
    config: Config,
    (public, admin): (Socket, Socket),
    before: Option<Predecessor>,
) -> Result<Running, CliError> {
    if let Err(error) = crate::secret::forbid_core_dumps() {
        tracing::warn!(%error, "a crash may leave a core dump with credentials in it");
    }
    let signals = Signals::listen()?;
    let clock = Arc::new(SystemClock::start());
    let policy = Arc::new(LivePolicy::load(&config.policy_directory)?);
    for warning in &policy.current().warnings {
        tracing::warn!(warning, "policy");
    }
    std::fs::create_dir_all(&config.store_directory)
        .map_err(|source| CliError::System { what: "make the data folder", source })?;
    let telemetry = Telemetry::new(config.workspaces_named_max)?
        .with_prompts(config.log_prompts)
        .with_traces(config.traces.as_ref())?;
    telemetry.metrics().policy_in_force(&policy.current());
    let workers = config.media_workers_max.unwrap_or_else(cores);
    let media = Media::open(&config.library, &config.store_directory, workers)?;
    let turnstile = Arc::new(Turnstile::open(&config.limits)?);
    edge::check(&config.public)?;
    let shared = [public.share()?, admin.share()?];
    let (store, control, left) = open_books(&config, &clock, before).await?;
    store.set_allowances(policy.current().allowances());
    let hands = Hands {
        policy: Arc::clone(&policy),
        store: store.clone(),
        upstream: Arc::new(
            Upstream::new(painter::Painter::new(workers).into_vendor(), Arc::clone(&clock) as _)
                .with_answers_bytes_max(config.public.answers_in_flight_bytes_max),
        ),
        media,
        telemetry,
        jobs: config.jobs.clone(),
        input_pictures: config.input_pictures,
        limits: config.limits.clone(),
        turnstile: Arc::clone(&turnstile),
        webhooks: config.webhooks,
        watchdog: config.watchdog,
    };
    let gateway = Gateway::new(Arc::clone(&clock) as _, hands);
    take_over::serve_predecessor(&gateway, left);
    let mut background = Background::begin(&gateway)?;
    count(&gateway, &turnstile, clock, &mut background).await?;
    take_up(&gateway).await?;

    let listeners = Listeners { sockets: shared.into(), control: control.share()? };
    let (asking, successors) = Successors::listen(listeners);
    {
        let (store, tasks) = (store.clone(), gateway.tasks.clone());
        let serving = async move { control.serve(&store, &tasks, &asking).await };
        background.keep_house("control", serving);
    }
    keep_house(&gateway, &config, store.is_shared(), &mut background);
    let api = Arc::new(Admin::new(Arc::clone(&gateway), config.clone()));
    let edge = Edge::start(&gateway, &config.public, public, (admin, api))?;
    Ok(Running { store, edge, gateway, config, background, successors, signals })
}

/// The books: those that the process before closes now, or those of the folder as it is. From here on commands
/// wait at the control socket until they are listened to.
async fn open_books(
    config: &Config,
    clock: &Arc<SystemClock>,
    before: Option<Predecessor>,
) -> Result<(Store, Control, Option<Left>), CliError> {
    let (left, listener) = inherit(before).await?.unzip();
    let will = left.as_ref().map(|left| left.will.clone());
    let store = Store::open_after(config, Arc::clone(clock) as _, will).await?;
    let control = Control::at(&config.store_directory, listener)?;
    Ok((store, control, left))
}

/// What processes before this one left undone, less the jobs that one of them still works on.
async fn take_up(gateway: &Arc<Gateway>) -> Result<(), CliError> {
    // Before any job can end: what ends from here on is put beside these.
    let untold = gateway.resume_notices().await?;
    tracing::debug!(untold, "apps that were not told before the start will be");

    gateway.look_at_drains().await?;
    let resumed = gateway.resume_jobs().await?;
    tracing::debug!(resumed, "jobs of before the start are taken up");
    Ok(())
}

/// What is done again and again for as long as the gateway runs.
fn keep_house(
    gateway: &Arc<Gateway>,
    config: &Config,
    is_shared: bool,
    background: &mut Background,
) {
    if let Some(folder) = config.shadow_directory.clone() {
        background.spawn("shadow", follow_shadow(Arc::clone(gateway), folder));
    }
    let (told, policy) = (Arc::clone(gateway), Arc::clone(&gateway.policy));
    background.spawn("policy", policy.follow(move |look| told.tell_of_policy(look)));
    let upstream = Arc::clone(&gateway.upstream);
    background.spawn("buffers", async move { upstream.keep_tidy().await });
    background.spawn("cancels", Arc::clone(gateway).hear_of_cancels());
    let keeping = Arc::clone(gateway);
    background.keep_house("jobs", async move { keeping.keep_jobs().await });
    background.keep_house("webhooks", Arc::clone(gateway).tell_apps());
    background.keep_house("budgets", Arc::clone(gateway).tell_of_budgets());
    let (sweeping, auditing) = (Arc::clone(gateway), Arc::clone(gateway));
    let (sweep_every, audit_every) = (config.library.sweep_every, config.audit_every);
    background.keep_house("sweep", async move { sweeping.sweep_library(sweep_every).await });
    background.keep_house("audit", async move { auditing.audit_books(audit_every).await });
    if is_shared {
        let following = Arc::clone(gateway);
        background.spawn("drains", async move { following.follow_drains().await });
    } else {
        let (folder, free_min) = (config.store_directory.clone(), config.store_free_min_bytes);
        background.keep_house("disk", Arc::clone(gateway).watch_disk(folder, free_min));
    }
}

/// Counts again what was admitted before the start, and from here on with what is shared.
async fn count(
    gateway: &Gateway,
    turnstile: &Arc<Turnstile>,
    clock: Arc<SystemClock>,
    background: &mut Background,
) -> Result<(), CliError> {
    let rebuilt = gateway.rebuild_windows().await?;
    tracing::debug!(rebuilt, "admissions of before the start count again");
    {
        let turnstile = Arc::clone(turnstile);
        background.spawn("windows", async move { turnstile.keep(&*clock).await });
    }
    if tokio::time::timeout(COUNTING_WITHIN, turnstile.ready()).await.is_err() {
        tracing::warn!("serving begins although the shared windows are not there");
    }
    Ok(())
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// Follows the folder of a shadow policy from the moment at which it can be read. What is wrong with
/// it is told, and is no fault of the policy in force.
async fn follow_shadow(gateway: Arc<Gateway>, folder: std::path::PathBuf) {
    let mut told = String::new();
    let live = loop {
        let own = folder.clone();
        match tokio::task::spawn_blocking(move || LivePolicy::load(&own)).await {
            Ok(Ok(live)) => break Arc::new(live),
            Ok(Err(error)) if error.to_string() != told => {
                told = error.to_string();
                tracing::warn!(%error, "the shadow policy cannot be used; it is looked at again");
            }
            Ok(Err(_)) | Err(_) => {}
        }
        tokio::time::sleep(SHADOW_AGAIN).await;
    };
    tracing::info!(policy_version = &*live.current().version, "a shadow policy is tried");
    gateway.try_beside(Arc::clone(&live));
    live.follow(|look| match look {
        Look::Same => {}
        Look::Swapped(policy) => {
            tracing::info!(policy_version = &*policy.version, "a new shadow policy is tried");
        }
        Look::Kept(error) => {
            tracing::warn!(%error, "the shadow policy cannot be used; the old one stays tried");
        }
    })
    .await;
}

impl Running {
    /// Serves until SIGTERM or SIGINT, or until another process is ready to take over. Then stops in order:
    /// no new work, what is in flight, the books.
    pub(super) async fn until_told_to_stop(mut self) -> Result<Ending, CliError> {
        self.background.serves();
        let successor = loop {
            tokio::select! {
                _ = self.signals.terminate.recv() => break None,
                _ = self.signals.interrupt.recv() => break None,
                _ = self.signals.hang_up.recv() => self.gateway.policy.ask(),
                Some(successor) = self.successors.ready() => break Some(successor),
            }
        };
        let ending = if successor.is_some() { Ending::HandedOver } else { Ending::Stopped };
        match ending {
            Ending::Stopped => tracing::info!("stopping: finishing what is in flight"),
            Ending::HandedOver => {
                tracing::info!("another process takes over: finishing what is in flight");
            }
        }
        self.background.stops();
        self.successors.stop().await;
        self.gateway.stop_jobs();
        self.edge.stop();
        let handed = match successor {
            Some(successor) => self.hand_over(successor).await,
            None => Ok(()),
        };
        let finished = tokio::select! {
            finished = self.edge.finish(self.config.drain_timeout) => finished,
            // Asked twice: stop at once. Holds that are open end when they expire.
            _ = self.signals.terminate.recv() => false,
            _ = self.signals.interrupt.recv() => false,
        };
        self.background.shutdown().await;
        if ending == Ending::Stopped {
            control::leave(&self.config.store_directory);
        }
        // Money first: a collector may keep us waiting.
        let closed = self.store.close().await;
        self.gateway.telemetry.flush().await;
        handed?;
        closed?;
        if finished { Ok(ending) } else { Err(CliError::Undrained) }
    }

    /// Leaves to another process what one process does for a folder, and the books.
    async fn hand_over(&mut self, successor: Successor) -> Result<(), CliError> {
        self.background.keep_no_house().await;
        let jobs = self.gateway.jobs_worked_on();
        let stream = successor.into_stream().map_err(take_over::lost)?;
        Ok(self.store.hand_over(stream, jobs).await?)
    }
}
