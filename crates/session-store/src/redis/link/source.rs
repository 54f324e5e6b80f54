//! Where connections come from: one server, Sentinels that name it, or a Cluster.

use std::time::Duration;

use redis::cluster::{ClusterClient, ClusterClientBuilder};
use redis::sentinel::{SentinelClient, SentinelClientBuilder, SentinelServerType};
use redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, ErrorKind, IntoConnectionInfo, RedisConnectionInfo, RedisError,
    RedisResult, TlsCertificates, TlsMode,
};

use super::{ANSWER_WITHIN, Connection};
use crate::redis::url::{Address, Credentials, RedisUrl, Topology};

/// How long a node of a Cluster may take to be connected to. A node that hangs is waited for twice while the others are found,
/// and those must be of use meanwhile.
const NODE_CONNECTED_WITHIN: Duration = Duration::from_millis(500);

/// Where connections come from.
pub(super) enum Source {
    Standalone(Client),
    Sentinel(Sentinels),
    Cluster(Box<ClusterClient>),
}

impl Source {
    pub(super) fn new(url: &RedisUrl, node_answers_within: Duration) -> RedisResult<Self> {
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
                let sentinels = Sentinels {
                    addresses: sentinels
                        .iter()
                        .map(|address| connection_addr(address, url.tls))
                        .collect(),
                    master: master.clone(),
                    database: *database,
                    tls: url.tls,
                    certificates,
                    login: url.login.clone(),
                    sentinel_login: url.sentinel_login.clone(),
                };
                // What cannot be used is told at once.
                sentinels.client()?;
                Self::Sentinel(sentinels)
            }
            Topology::Cluster { nodes } => {
                let infos = nodes
                    .iter()
                    .map(|address| connection_addr(address, url.tls).into_connection_info())
                    .collect::<RedisResult<Vec<_>>>()?;
                let mut builder = ClusterClientBuilder::new(infos)
                    .connection_timeout(NODE_CONNECTED_WITHIN)
                    // Of a node, to the task that drives the connections. Who waits for an answer has a bound of their own.
                    .response_timeout(node_answers_within)
                    .overall_response_timeout(None)
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
                Self::Cluster(Box::new(builder.build()?))
            }
        })
    }

    pub(super) async fn connect(&self) -> RedisResult<Connection> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(ANSWER_WITHIN))
            .set_response_timeout(None);
        Ok(match self {
            Self::Standalone(client) => {
                Connection::One(client.get_multiplexed_async_connection_with_config(&config).await?)
            }
            Self::Sentinel(sentinels) => {
                let mut client = sentinels.client()?;
                Connection::One(client.get_async_connection_with_config(&config).await?)
            }
            Self::Cluster(client) => Connection::Cluster(client.get_async_connection().await?),
        })
    }
}

/// Sentinels that name the master.
///
/// They are asked over connections of that one time. Whoever connects seldom does not need others, and to share them would have those
/// who connect at the same time wait for each other; nor may a connection outlive the runtime that drives it.
pub(super) struct Sentinels {
    addresses: Vec<ConnectionAddr>,
    master: String,
    database: u16,
    tls: bool,
    certificates: Option<TlsCertificates>,
    login: Credentials,
    sentinel_login: Credentials,
}

impl Sentinels {
    fn client(&self) -> RedisResult<SentinelClient> {
        let addresses = self.addresses.iter().cloned();
        let mut builder = SentinelClientBuilder::new(addresses, &self.master, SentinelServerType::Master)?
            .set_client_to_redis_db(self.database.into());
        if self.tls {
            builder = builder
                .set_client_to_redis_tls_mode(TlsMode::Secure)
                .set_client_to_sentinel_tls_mode(TlsMode::Secure);
        }
        if let Some(certificates) = &self.certificates {
            builder = builder
                .set_client_to_redis_certificates(certificates.clone())
                .set_client_to_sentinel_certificates(certificates.clone());
        }
        if let Some(user) = &self.login.user {
            builder = builder.set_client_to_redis_username(user);
        }
        if let Some(password) = &self.login.password {
            builder = builder.set_client_to_redis_password(password);
        }
        if let Some(user) = &self.sentinel_login.user {
            builder = builder.set_client_to_sentinel_username(user);
        }
        if let Some(password) = &self.sentinel_login.password {
            builder = builder.set_client_to_sentinel_password(password);
        }
        builder.build()
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
