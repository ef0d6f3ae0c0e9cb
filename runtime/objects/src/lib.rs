//! Checkpoints in storage that keeps objects under names, as S3 does and what speaks like it.
//!
//! There an object is there whole or not at all, and can be made under the condition that there is none of its name yet.
//! That takes the place of a lock: of two runs that use one place, the one that comes second to the next checkpoint
//! learns of the other.

use futures_util::TryStreamExt;
use millstream_runtime::checkpoint::is_piece;
use millstream_runtime::checkpoint::store::Store;
use object_store::aws::AmazonS3Builder;
use object_store::path::Path;
use object_store::{ObjectStore, PutMode, PutOptions, PutPayload, RetryConfig};
use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Runtime;

/// What the names of such places begin with.
pub const SCHEME: &str = "s3://";

/// How long a request is tried again that finds nobody, or somebody who has too much to do.
const PATIENCE: Duration = Duration::from_secs(20);

pub struct Objects {
    place: String,
    store: Arc<dyn ObjectStore>,
    prefix: Path,
    /// None once it has been handed back.
    runtime: Option<Runtime>,
}

impl Objects {
    /// `s3://bucket/prefix`; what else is to be known stands in the usual variables of the environment, `AWS_…`.
    pub fn open(place: &str) -> io::Result<Objects> {
        let behind = place.strip_prefix(SCHEME).unwrap_or(place);
        let (bucket, prefix) = behind.split_once('/').unwrap_or((behind, ""));
        if bucket.is_empty() {
            return Err(io::Error::new(ErrorKind::InvalidInput, "it names no bucket: `s3://BUCKET/PREFIX`"));
        }
        let patience = RetryConfig { max_retries: 5, retry_timeout: PATIENCE, ..RetryConfig::default() };
        let store = AmazonS3Builder::from_env().with_bucket_name(bucket).with_retry(patience).build();
        Objects::of(place, Arc::new(store.map_err(failed)?), prefix)
    }

    /// Below a prefix of any storage.
    pub fn of(place: &str, store: Arc<dyn ObjectStore>, prefix: &str) -> io::Result<Objects> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let prefix = Path::parse(prefix.trim_end_matches('/')).map_err(|error| failed(error.into()))?;
        Ok(Objects { place: place.to_string(), store, prefix, runtime: Some(runtime) })
    }

    fn path(&self, name: &str) -> Path {
        self.prefix.child(name)
    }

    fn wait<T>(&self, work: impl Future<Output = object_store::Result<T>>) -> io::Result<T> {
        match &self.runtime {
            Some(runtime) => runtime.handle().block_on(work).map_err(failed),
            None => Err(ErrorKind::NotConnected.into()),
        }
    }
}

impl Store for Objects {
    fn place(&self) -> String {
        self.place.clone()
    }

    fn names(&self) -> io::Result<Vec<String>> {
        let listed = self.wait(self.store.list(Some(&self.prefix)).try_collect::<Vec<_>>())?;
        let name = |path: &Path| {
            let mut parts = path.prefix_match(&self.prefix)?;
            let name = parts.next()?.as_ref().to_string();
            parts.next().is_none().then_some(name)
        };
        Ok(listed.iter().filter_map(|object| name(&object.location)).collect())
    }

    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        let path = self.path(name);
        let bytes = self.wait(async { self.store.get(&path).await?.bytes().await })?;
        Ok(bytes.to_vec())
    }

    fn put(&self, name: &str, parts: &[&[u8]]) -> io::Result<()> {
        let path = self.path(name);
        let payload = || PutPayload::from(parts.concat());
        let put = |mode: PutMode| {
            let options = PutOptions { mode, ..PutOptions::default() };
            self.wait(self.store.put_opts(&path, payload(), options))
        };
        match put(PutMode::Create) {
            Ok(_) => Ok(()),
            Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
            // A piece is what its name says, whoever has put it; one that was damaged is put again.
            Err(_) if is_piece(name) => put(PutMode::Overwrite).map(drop),
            // It may have been put by a request of ours whose answer got lost.
            Err(error) => match self.read(name)? == parts.concat() {
                true => Ok(()),
                false => Err(error),
            },
        }
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let path = self.path(name);
        self.wait(self.store.delete(&path))
    }
}

impl Drop for Objects {
    /// Waits for nothing: where a run has been asked to end, nobody knows how long that would take.
    fn drop(&mut self) {
        self.runtime.take().into_iter().for_each(Runtime::shutdown_background);
    }
}

fn failed(error: object_store::Error) -> io::Error {
    let kind = match &error {
        object_store::Error::NotFound { .. } => ErrorKind::NotFound,
        object_store::Error::AlreadyExists { .. } | object_store::Error::Precondition { .. } => {
            ErrorKind::AlreadyExists
        }
        object_store::Error::PermissionDenied { .. } | object_store::Error::Unauthenticated { .. } => {
            ErrorKind::PermissionDenied
        }
        object_store::Error::InvalidPath { .. } => ErrorKind::InvalidInput,
        // Nobody was there, or there was too much to do.
        _ => ErrorKind::ConnectionAborted,
    };
    io::Error::new(kind, error)
}
