//! A way to the servers that hold the data, whatever their topology: connected when first used, connected anew when it breaks,
//! and never waited for without bound.
//!
//! A command that was sent over a connection that then broke may or may not have been carried out. It is sent once more, over a
//! new connection: every command of this engine may be repeated (a write carries its version, an entry of the feed that stands
//! there twice is learned once). One that was not answered in time is not sent again: the server is hung, and the client waits.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::cluster::{ClusterClient, ClusterClientBuilder};
use redis::cluster_async::ClusterConnection;
use redis::cluster_routing::{Route, RoutingInfo, SingleNodeRoutingInfo, SlotAddr};
use redis::sentinel::{SentinelClient, SentinelClientBuilder, SentinelServerType};
use redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionAddr, ErrorKind, FromRedisValue, IntoConnectionInfo, Pipeline,
    RedisConnectionInfo, RedisError, RedisResult, Script, ScriptInvocation, ServerErrorKind, TlsCertificates, TlsMode,
    Value,
};
use tokio::time::{Instant, timeout};

use super::url::{Address, Credentials, RedisUrl, Topology};

/// How long a connection may take to be made, and how long an answer may take beyond what the command itself waits for.
const ANSWER_WITHIN: Duration = Duration::from_secs(1);

/// How long a command may take in all, with connecting anew and trying again. A refresh is two commands at most on its usual
/// ways, and is answered within 5 s whatever the servers do.
const DONE_WITHIN: Duration = Duration::from_secs(2);

/// How much longer than one answer a Cluster may take for a command: to find a slot that has moved, and wait for one that moves.
const FOUND_WITHIN: Duration = Duration::from_millis(500);

/// How long a node of a Cluster may take to be connected to. A node that hangs is waited for twice while the others are found,
/// and those must be of use meanwhile.
const NODE_CONNECTED_WITHIN: Duration = Duration::from_millis(500);

/// A node of a Cluster that does not answer takes the connections to the others with it no more often than this.
const CLUSTER_GIVEN_UP_AFTER: Duration = Duration::from_secs(10);

/// Those who waited while connecting failed share the failure if it is younger than this, in place of each trying in turn.
const FAILURE_SHARED_FOR: Duration = Duration::from_millis(200);

/// A way to the servers. Cheap to use at once from many tasks: commands share one connection to each server.
pub(super) struct Link {
    source: Source,
    /// How long the longest command waits by itself.
    blocks_for: Duration,
    current: Mutex<Current>,
    connecting: tokio::sync::Mutex<Option<Failure>>,
}

/// Where connections come from.
enum Source {
    Standalone(Client),
    Sentinel(tokio::sync::Mutex<SentinelClient>),
    Cluster(ClusterClient),
}

#[derive(Default)]
struct Current {
    connection: Option<Made>,
    /// Counts connections, so that a broken one is given up once.
    number: u64,
}

struct Made {
    connection: Connection,
    at: Instant,
}

struct Failure {
    at: Instant,
    error: RedisError,
}

/// To one server, or to all of a Cluster.
#[derive(Clone)]
enum Connection {
    One(MultiplexedConnection),
    Cluster(ClusterConnection),
}

/// What is asked of a server.
#[derive(Clone, Copy)]
enum Request<'a> {
    Command(&'a Cmd),
    CommandAt(&'a Cmd, &'a RoutingInfo),
    Script(&'a ScriptInvocation<'a>),
    Replicated(&'a Replicated<'a>),
}

/// A script, and the waiting for replicas behind it.
struct Replicated<'a> {
    script: &'a Script,
    both: Pipeline,
    to: SingleNodeRoutingInfo,
}

/// How long a request may take.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Bound {
    /// As any command.
    Usual,
    /// As the longest that waits by itself.
    Blocking,
}

impl Link {
    /// Does not connect yet. `blocks_for` is how long the longest command waits by itself; zero for usual commands.
    pub(super) fn new(url: &RedisUrl, blocks_for: Duration) -> RedisResult<Self> {
        Ok(Self {
            source: Source::new(url, ANSWER_WITHIN + blocks_for)?,
            blocks_for,
            current: Mutex::default(),
            connecting: tokio::sync::Mutex::default(),
        })
    }

    /// Sends a command.
    pub(super) async fn run<T: FromRedisValue>(&self, command: &Cmd) -> RedisResult<T> {
        converted(self.within_bounds(Request::Command(command), Bound::Usual).await?)
    }

    /// Sends a command that waits by itself.
    pub(super) async fn run_blocking<T: FromRedisValue>(&self, command: &Cmd) -> RedisResult<T> {
        converted(self.within_bounds(Request::Command(command), Bound::Blocking).await?)
    }

    /// Runs a script, which is loaded where a server does not know it yet.
    pub(super) async fn script<T: FromRedisValue>(
        &self,
        script: &Script,
        keys: &[&str],
        arguments: &[&[u8]],
    ) -> RedisResult<T> {
        let mut call = script.prepare_invoke();
        for key in keys {
            call.key(*key);
        }
        for argument in arguments {
            call.arg(*argument);
        }
        converted(self.within_bounds(Request::Script(&call), Bound::Usual).await?)
    }

    /// Runs a script that writes, and waits until so many replicas have it. Answers what it did, and how many have it.
    ///
    /// `WAIT` speaks of what was written over its own connection: where nothing was, it is answered at once. So both go together,
    /// over one connection, and if that breaks, both go again. The script must write something each time.
    pub(super) async fn replicated_script(
        &self,
        script: &Script,
        keys: &[&str],
        arguments: &[&[u8]],
        replicas: u32,
    ) -> RedisResult<(Value, u32)> {
        let mut both = redis::pipe();
        both.cmd("EVALSHA").arg(script.get_hash()).arg(keys.len());
        for key in keys {
            both.arg(*key);
        }
        for argument in arguments {
            both.arg(*argument);
        }
        let within = u64::try_from(self.blocks_for.as_millis()).unwrap_or(u64::MAX);
        both.cmd("WAIT").arg(replicas).arg(within);
        let on = keys.first().copied().unwrap_or_default();
        let replicated = Replicated {
            script,
            both,
            to: SingleNodeRoutingInfo::SpecificNode(Route::with_key(on, SlotAddr::Master)),
        };
        converted(
            self.within_bounds(Request::Replicated(&replicated), Bound::Blocking)
                .await?,
        )
    }

    /// Sends a command where `to` says in a Cluster, and elsewhere to the one server.
    pub(super) async fn run_at<T: FromRedisValue>(&self, to: &RoutingInfo, command: &Cmd) -> RedisResult<T> {
        converted(
            self.within_bounds(Request::CommandAt(command, to), Bound::Usual)
                .await?,
        )
    }

    /// Has the next command go over a new connection, which may lead to another server.
    pub(super) fn leave(&self) {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        current.connection = None;
    }

    async fn within_bounds(&self, request: Request<'_>, bound: Bound) -> RedisResult<Value> {
        let trying = async {
            match self.attempt(request, bound).await {
                Err(error) if may_be_repeated(&error) => self.attempt(request, bound).await,
                done => done,
            }
        };
        let blocks_for = match bound {
            Bound::Usual => Duration::ZERO,
            Bound::Blocking => self.blocks_for,
        };
        match timeout(DONE_WITHIN + blocks_for, trying).await {
            Ok(done) => done,
            Err(_) => Err(timed_out()),
        }
    }

    async fn attempt(&self, request: Request<'_>, bound: Bound) -> RedisResult<Value> {
        let (connection, number) = self.connection().await?;
        // The connection's own bound is that of what blocks.
        let answer = if bound == Bound::Usual && !self.blocks_for.is_zero() {
            let answer = timeout(connection.answers_within(), connection.answer(request));
            answer.await.unwrap_or_else(|_| Err(timed_out()))
        } else {
            connection.answer(request).await
        };
        if let Err(error) = &answer
            && is_useless_after(error)
        {
            self.give_up(number, error);
        }
        answer
    }

    async fn connection(&self) -> RedisResult<(Connection, u64)> {
        if let Some(current) = self.current() {
            return Ok(current);
        }
        let asked_at = Instant::now();
        let mut last_failure = self.connecting.lock().await;
        // Whoever held the lock may have connected, or failed to, while this one waited.
        if let Some(current) = self.current() {
            return Ok(current);
        }
        if let Some(failure) = &*last_failure
            && failure.at >= asked_at
            && failure.at.elapsed() < FAILURE_SHARED_FOR
        {
            return Err(failure.error.clone());
        }
        match self.source.connect(ANSWER_WITHIN + self.blocks_for).await {
            Ok(connection) => {
                *last_failure = None;
                let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
                current.number += 1;
                current.connection = Some(Made {
                    connection: connection.clone(),
                    at: Instant::now(),
                });
                Ok((connection, current.number))
            }
            Err(error) => {
                let failure = error.clone();
                *last_failure = Some(Failure {
                    at: Instant::now(),
                    error: failure,
                });
                Err(error)
            }
        }
    }

    fn current(&self) -> Option<(Connection, u64)> {
        let current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        Some((current.connection.as_ref()?.connection.clone(), current.number))
    }

    fn give_up(&self, number: u64, error: &RedisError) {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(made) = &current.connection else { return };
        let one_node_may_hang = matches!(made.connection, Connection::Cluster(_)) && error.is_timeout();
        if current.number == number && !(one_node_may_hang && made.at.elapsed() < CLUSTER_GIVEN_UP_AFTER) {
            current.connection = None;
        }
    }
}

impl Connection {
    /// As soon as what does not block.
    fn answers_within(&self) -> Duration {
        match self {
            Self::One(_) => ANSWER_WITHIN,
            Self::Cluster(_) => ANSWER_WITHIN + FOUND_WITHIN,
        }
    }

    async fn answer(self, request: Request<'_>) -> RedisResult<Value> {
        match (self, request) {
            (Self::One(mut server), Request::Command(command) | Request::CommandAt(command, _)) => {
                command.query_async(&mut server).await
            }
            (Self::One(mut server), Request::Script(call)) => call.invoke_async(&mut server).await,
            (Self::Cluster(mut servers), Request::Command(command)) => command.query_async(&mut servers).await,
            (Self::Cluster(mut servers), Request::CommandAt(command, to)) => {
                servers.route_command(command.clone(), to.clone()).await
            }
            (Self::Cluster(mut servers), Request::Script(call)) => call.invoke_async(&mut servers).await,
            (connection, Request::Replicated(replicated)) => connection.replicated(replicated).await,
        }
    }

    /// Where the script is not known, it is loaded, and all is sent again.
    async fn replicated(mut self, replicated: &Replicated<'_>) -> RedisResult<Value> {
        match self.both(replicated).await {
            Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => {
                match &mut self {
                    Self::One(server) => replicated.script.load_async(server).await?,
                    Self::Cluster(servers) => replicated.script.load_async(servers).await?,
                };
                self.both(replicated).await
            }
            done => done,
        }
    }

    async fn both(&mut self, replicated: &Replicated<'_>) -> RedisResult<Value> {
        let both = &replicated.both;
        let answers = match self {
            Self::One(server) => server.send_packed_commands(both, 0, both.len()).await?,
            // One that answers that a slot is elsewhere has the whole sent there.
            Self::Cluster(servers) => {
                let to = replicated.to.clone();
                servers.route_pipeline(both.clone(), 0, both.len(), to).await?
            }
        };
        let answers: Vec<_> = answers
            .into_iter()
            .map(Value::extract_error)
            .collect::<RedisResult<_>>()?;
        Ok(Value::Array(answers))
    }
}

impl Source {
    fn new(url: &RedisUrl, answer_within: Duration) -> RedisResult<Self> {
        let certificates = certificates(url)?;
        Ok(match &url.topology {
            Topology::Standalone { address, database } => {
                let info = connection_addr(address, url.tls)
                    .into_connection_info()?
                    .set_redis_settings(settings(&url.login, *database));
                Self::Standalone(match certificates {
                    Some(certificates) => Client::build_with_tls(info, certificates)?,
                    None => Client::open(info)?,
                })
            }
            Topology::Sentinel {
                sentinels,
                master,
                database,
            } => {
                let addresses = sentinels.iter().map(|address| connection_addr(address, url.tls));
                let mut builder = SentinelClientBuilder::new(addresses, master, SentinelServerType::Master)?
                    .set_client_to_redis_db((*database).into());
                if url.tls {
                    builder = builder
                        .set_client_to_redis_tls_mode(TlsMode::Secure)
                        .set_client_to_sentinel_tls_mode(TlsMode::Secure);
                }
                if let Some(certificates) = certificates {
                    builder = builder
                        .set_client_to_redis_certificates(certificates.clone())
                        .set_client_to_sentinel_certificates(certificates);
                }
                if let Some(user) = &url.login.user {
                    builder = builder.set_client_to_redis_username(user);
                }
                if let Some(password) = &url.login.password {
                    builder = builder.set_client_to_redis_password(password);
                }
                if let Some(user) = &url.sentinel_login.user {
                    builder = builder.set_client_to_sentinel_username(user);
                }
                if let Some(password) = &url.sentinel_login.password {
                    builder = builder.set_client_to_sentinel_password(password);
                }
                Self::Sentinel(tokio::sync::Mutex::new(builder.build()?))
            }
            Topology::Cluster { nodes } => {
                let infos = nodes
                    .iter()
                    .map(|address| connection_addr(address, url.tls).into_connection_info())
                    .collect::<RedisResult<Vec<_>>>()?;
                let mut builder = ClusterClientBuilder::new(infos)
                    .connection_timeout(NODE_CONNECTED_WITHIN)
                    .response_timeout(answer_within)
                    .overall_response_timeout(Some(answer_within + FOUND_WITHIN))
                    .retries(8)
                    .min_retry_wait(20)
                    .max_retry_wait(200);
                if let Some(user) = &url.login.user {
                    builder = builder.username(user);
                }
                if let Some(password) = &url.login.password {
                    builder = builder.password(password);
                }
                if url.tls {
                    builder = builder.tls(TlsMode::Secure);
                }
                if let Some(certificates) = certificates {
                    builder = builder.certs(certificates);
                }
                Self::Cluster(builder.build()?)
            }
        })
    }

    async fn connect(&self, answer_within: Duration) -> RedisResult<Connection> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(ANSWER_WITHIN))
            .set_response_timeout(Some(answer_within));
        Ok(match self {
            Self::Standalone(client) => {
                Connection::One(client.get_multiplexed_async_connection_with_config(&config).await?)
            }
            Self::Sentinel(client) => {
                let mut client = client.lock().await;
                Connection::One(client.get_async_connection_with_config(&config).await?)
            }
            Self::Cluster(client) => Connection::Cluster(client.get_async_connection().await?),
        })
    }
}

fn connection_addr(address: &Address, tls: bool) -> ConnectionAddr {
    let (host, port) = (address.host.clone(), address.port);
    if tls {
        ConnectionAddr::TcpTls {
            host,
            port,
            insecure: false,
            tls_params: None,
        }
    } else {
        ConnectionAddr::Tcp(host, port)
    }
}

fn settings(login: &Credentials, database: u16) -> RedisConnectionInfo {
    let mut settings = RedisConnectionInfo::default().set_db(database.into());
    if let Some(user) = &login.user {
        settings = settings.set_username(user);
    }
    if let Some(password) = &login.password {
        settings = settings.set_password(password);
    }
    settings
}

fn certificates(url: &RedisUrl) -> RedisResult<Option<TlsCertificates>> {
    let Some(path) = &url.tls_ca else { return Ok(None) };
    let root_cert = std::fs::read(path).map_err(|error| {
        let what = format!("{}: {error}", path.display());
        RedisError::from((ErrorKind::InvalidClientConfig, "the option tls_ca cannot be read", what))
    })?;
    Ok(Some(TlsCertificates {
        client_tls: None,
        root_cert: Some(root_cert),
    }))
}

/// Whether the server was lost, or is no master any more, in a way that a new connection may mend at once.
fn may_be_repeated(error: &RedisError) -> bool {
    !error.is_timeout() && is_useless_after(error)
}

/// Whether the connection on which the error came is of no use any more.
fn is_useless_after(error: &RedisError) -> bool {
    error.is_io_error()
        || error.is_unrecoverable_error()
        || matches!(
            error.kind(),
            ErrorKind::Server(ServerErrorKind::ReadOnly | ServerErrorKind::MasterDown)
        )
}

fn timed_out() -> RedisError {
    std::io::Error::from(std::io::ErrorKind::TimedOut).into()
}

fn converted<T: FromRedisValue>(answer: Value) -> RedisResult<T> {
    Ok(T::from_redis_value(answer)?)
}
