//! One call for many who ask: readers of every drill of a run share what they read.
//!
//! Main types: [`Shared`], and [`Since`] for what is known by a name and read from a moment on. Whoever asks
//! within one short moment is served by one call. Invariants: an answer
//! is never older than the question, because nobody joins a call that is on its way; what takes a change
//! back asks for itself and waits for nobody.

use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use indexmap::IndexMap;
use jiff::Timestamp;

use super::CallError;
use super::gate::is_undoing;

/// A reader that collects questions and answers them together.
pub(crate) struct Shared<Ask, Answer: Clone>(Arc<Mutex<Option<Batch<Ask, Answer>>>>);

/// Questions that wait for one call.
struct Batch<Ask, Answer: Clone> {
    /// Nothing once the call is on its way.
    asks: Arc<Mutex<Option<Vec<Ask>>>>,
    answer: futures_util::future::Shared<BoxFuture<'static, Answer>>,
}

impl<Ask, Answer: Clone> Default for Shared<Ask, Answer> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<Ask, Answer: Clone> Clone for Shared<Ask, Answer> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<Ask, Answer: Clone> fmt::Debug for Shared<Ask, Answer> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Shared").finish_non_exhaustive()
    }
}

impl<Ask: Send + 'static, Answer: Clone + Send + Sync + 'static> Shared<Ask, Answer> {
    /// Asks, together with whoever else asks within `moment`; `read` answers all the questions at once.
    pub(crate) async fn ask<Work>(
        &self,
        ask: Ask,
        moment: Duration,
        read: impl FnOnce(Vec<Ask>) -> Work + Send + 'static,
    ) -> Answer
    where
        Work: Future<Output = Answer> + Send + 'static,
    {
        if is_undoing() {
            return read(vec![ask]).await;
        }
        let answer = self.join(ask, moment, read);
        answer.await
    }

    /// The answer of the batch that is open, or of a new one.
    fn join<Work>(
        &self,
        ask: Ask,
        moment: Duration,
        read: impl FnOnce(Vec<Ask>) -> Work + Send + 'static,
    ) -> futures_util::future::Shared<BoxFuture<'static, Answer>>
    where
        Work: Future<Output = Answer> + Send + 'static,
    {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(batch) = open.as_ref() {
            let mut asks = batch.asks.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(asks) = asks.as_mut() {
                asks.push(ask);
                return batch.answer.clone();
            }
        }
        let asks = Arc::new(Mutex::new(Some(vec![ask])));
        let waiting = Arc::clone(&asks);
        let answer = async move {
            gather(moment).await;
            let asks = waiting.lock().unwrap_or_else(PoisonError::into_inner).take();
            read(asks.unwrap_or_default()).await
        };
        let answer = answer.boxed().shared();
        *open = Some(Batch { asks, answer: answer.clone() });
        answer
    }
}

/// A reader of things that have names; each is read once for all who ask for it, from the earliest moment
/// that any of them asks for on.
pub(crate) type Since<Found> = Shared<Question<Found>, Answers<Found>>;

/// What came of each name.
type Answers<Found> = Arc<IndexMap<String, Result<Found, CallError>>>;

/// How something is read from a moment on.
type Read<Found> =
    Arc<dyn Fn(Timestamp) -> BoxFuture<'static, Result<Found, CallError>> + Send + Sync>;

/// Something that is asked for.
pub(crate) struct Question<Found> {
    name: String,
    since: Timestamp,
    read: Read<Found>,
}

impl<Found: Clone + Send + Sync + 'static> Since<Found> {
    /// What `read` finds from `since` on, or from earlier where somebody else asks for that.
    pub(crate) async fn read<Work>(
        &self,
        name: String,
        since: Timestamp,
        moment: Duration,
        read: impl Fn(Timestamp) -> Work + Send + Sync + 'static,
    ) -> Result<Found, CallError>
    where
        Work: Future<Output = Result<Found, CallError>> + Send + 'static,
    {
        let read: Read<Found> = Arc::new(move |since| read(since).boxed());
        let question = Question { name: name.clone(), since, read };
        let answers = self.ask(question, moment, answer_all).await;
        answers.get(&name).cloned().expect("each question is answered")
    }
}

async fn answer_all<Found>(questions: Vec<Question<Found>>) -> Answers<Found> {
    let mut distinct: IndexMap<String, Question<Found>> = IndexMap::new();
    for question in questions {
        match distinct.get_mut(&question.name) {
            Some(known) => known.since = known.since.min(question.since),
            None => {
                distinct.insert(question.name.clone(), question);
            }
        }
    }
    let mut answers = IndexMap::new();
    for (name, question) in distinct {
        answers.insert(name, (question.read)(question.since).await);
    }
    Arc::new(answers)
}

/// Lets others ask too. Without a moment, those that ask in this very instant still do.
async fn gather(moment: Duration) {
    if moment.is_zero() {
        tokio::task::yield_now().await;
    } else {
        tokio::time::sleep(moment).await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures_util::future::join_all;

    use super::*;
    use crate::aws::gate::undoing;

    /// A reader that answers with all that was asked, and counts its calls.
    async fn ask(
        shared: &Shared<u32, Vec<u32>>,
        number: u32,
        calls: &Arc<AtomicUsize>,
    ) -> Vec<u32> {
        let calls = Arc::clone(calls);
        let read = move |asks: Vec<u32>| async move {
            calls.fetch_add(1, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_secs(1)).await;
            asks
        };
        shared.ask(number, Duration::from_millis(100), read).await
    }

    #[tokio::test(start_paused = true)]
    async fn who_asks_in_one_moment_is_served_by_one_call() {
        let (shared, calls) = (Shared::default(), Arc::default());
        let answers = join_all((0..50).map(|number| ask(&shared, number, &calls))).await;
        assert_eq!(calls.load(Ordering::SeqCst), 1);
        assert!(answers.iter().all(|answer| answer.len() == 50));
    }

    #[tokio::test(start_paused = true)]
    async fn what_has_a_name_is_read_once_from_the_earliest_moment_that_is_asked_for() {
        let at = |second| Timestamp::from_second(second).expect("in range");
        let (since, calls): (Since<Timestamp>, Arc<AtomicUsize>) =
            (Since::default(), Arc::default());
        let read = |name: &str, second| {
            let calls = Arc::clone(&calls);
            let moment = Duration::from_millis(100);
            since.read(name.to_owned(), at(second), moment, move |since| {
                calls.fetch_add(1, Ordering::SeqCst);
                async move { Ok(since) }
            })
        };
        let answers = tokio::join!(read("a", 30), read("b", 20), read("a", 10));
        assert_eq!(answers, (Ok(at(10)), Ok(at(20)), Ok(at(10))));
        assert_eq!(calls.load(Ordering::SeqCst), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_joins_a_call_that_is_on_its_way() {
        let (shared, calls) = (Shared::default(), Arc::default());
        let later = async {
            tokio::time::sleep(Duration::from_millis(500)).await;
            ask(&shared, 2, &calls).await
        };
        let (first, second) = tokio::join!(ask(&shared, 1, &calls), later);
        assert_eq!((first, second), (vec![1], vec![2]));
    }

    #[tokio::test(start_paused = true)]
    async fn the_others_are_answered_when_the_first_to_ask_goes_away() {
        let (shared, calls) = (Shared::default(), Arc::default());
        let impatient = tokio::time::timeout(Duration::from_millis(200), ask(&shared, 1, &calls));
        let (gone, answer) = tokio::join!(impatient, ask(&shared, 2, &calls));
        assert!(gone.is_err());
        assert_eq!(answer, vec![1, 2]);
        assert_eq!(calls.load(Ordering::SeqCst), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn what_takes_a_change_back_asks_for_itself() {
        let (shared, calls) = (Shared::default(), Arc::default());
        let (look, undo) = tokio::join!(ask(&shared, 1, &calls), undoing(ask(&shared, 2, &calls)));
        assert_eq!((look, undo), (vec![1], vec![2]));
    }
}
