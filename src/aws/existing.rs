//! Whether something is there, asked once for every drill that wants to know at a moment.
//!
//! Main function: [`is_there`]. Drills that begin side by side look at the same documents and deployment
//! groups, whose services have a budget of a call a second.

use jiff::Timestamp;

use super::shared::Since;
use super::{Aws, CallError};

/// The reader that everybody shares who looks whether something is there.
pub(super) type Reader = Since<()>;

/// Asks whether `what` is there, together with whoever else does; the same words are the same thing.
pub(crate) async fn is_there<Work>(
    aws: &Aws,
    what: &str,
    ask: impl Fn() -> Work + Send + Sync + 'static,
) -> Result<(), CallError>
where
    Work: Future<Output = Result<(), CallError>> + Send + 'static,
{
    let (reader, moment) = (&aws.readers.existing, aws.readers.moment);
    reader.read(what.to_owned(), Timestamp::UNIX_EPOCH, moment, move |_since| ask()).await
}
