//! States that deployments reached, read once for everybody who watches the same release.
//!
//! Main function: [`of_release`]. How each service is read is the observers' own matter.

use jiff::Timestamp;

use super::shared::Since;
use super::{Aws, CallError};

/// The reader that everybody shares who watches releases, which are known by their words.
pub(super) type Reader = Since<Vec<Reached>>;

/// A state that a deployment reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reached {
    /// The deployment's id in the service's own words.
    pub(crate) deployment: String,
    /// The service's own word.
    pub(crate) state: String,
    pub(crate) at: Timestamp,
    /// The deployment was taken back by the service, whole.
    pub(crate) rolled_back: bool,
    /// It won't leave this state.
    pub(crate) is_final: bool,
    /// Who or what brought it about, in the service's own word.
    pub(crate) triggered_by: String,
    /// The service's own words about it.
    pub(crate) reason: String,
}

/// The states that a release reached since then, as `read` finds them; one reading serves all who ask.
pub(crate) async fn of_release<Work>(
    aws: &Aws,
    release: String,
    since: Timestamp,
    read: impl Fn(Timestamp) -> Work + Send + Sync + 'static,
) -> Result<Vec<Reached>, CallError>
where
    Work: Future<Output = Result<Vec<Reached>, CallError>> + Send + 'static,
{
    aws.readers.deployments.read(release, since, aws.readers.moment, read).await
}
