//! Which of many texts occur anywhere in a text.
//!
//! Main type: [`Substrings`], an Aho-Corasick automaton. Invariant: it has at most one state a byte
//! of its texts, and a search takes at most two steps a byte, whatever the texts are.

use std::collections::VecDeque;

use super::postings::{AltId, Postings};

type State = u32;

#[derive(Debug, Clone, Copy, Default)]
struct Node {
    /// Where its edges begin; they end where the next node's begin.
    edges: u32,
    /// The state of the longest proper suffix.
    back: State,
    /// The nearest state on the way back at which a text ends; 0 is none.
    ends: State,
}

/// The automaton.
#[derive(Debug, Clone, Default)]
pub(super) struct Substrings {
    nodes: Vec<Node>,
    edge_bytes: Vec<u8>,
    edge_states: Vec<State>,
    /// The edges of the first state, by byte.
    first: Vec<State>,
    /// The alternatives whose text ends at a state.
    postings: Postings,
}

/// A state while the automaton is built.
#[derive(Debug, Default)]
struct Growing {
    edges: Vec<(u8, State)>,
    ids: Vec<AltId>,
    back: State,
    ends: State,
}

fn number(count: usize) -> State {
    State::try_from(count).expect("fewer than 2^32 bytes of texts")
}

impl Substrings {
    pub(super) fn new(given: &[(Vec<u8>, AltId)]) -> Self {
        if given.is_empty() {
            return Self::default();
        }
        let mut growing = vec![Growing::default()];
        for (text, id) in given {
            let mut state = 0;
            for &byte in text {
                let known = edge(&growing[state].edges, byte);
                let next = known.unwrap_or_else(|| number(growing.len()));
                if known.is_none() {
                    growing.push(Growing::default());
                    growing[state].edges.push((byte, next));
                }
                state = next as usize;
            }
            growing[state].ids.push(*id);
        }
        link(&mut growing);
        Self::pack(&growing)
    }

    fn pack(growing: &[Growing]) -> Self {
        let mut this = Self { first: vec![0; 256], ..Self::default() };
        for (byte, state) in &growing[0].edges {
            this.first[usize::from(*byte)] = *state;
        }
        for state in growing {
            let edges = number(this.edge_bytes.len());
            this.nodes.push(Node { edges, back: state.back, ends: state.ends });
            for (byte, next) in &state.edges {
                this.edge_bytes.push(*byte);
                this.edge_states.push(*next);
            }
        }
        let edges = number(this.edge_bytes.len());
        this.nodes.push(Node { edges, back: 0, ends: 0 });
        let ids = growing.iter().enumerate();
        let ids = ids.flat_map(|(state, grown)| grown.ids.iter().map(move |id| (state, *id)));
        this.postings = Postings::new(growing.len(), ids);
        this
    }

    pub(super) fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Gives the alternatives of every text that occurs in `text`.
    pub(super) fn find(&self, text: &[u8], found: &mut impl FnMut(&[AltId])) {
        let mut state = 0;
        for &byte in text {
            state = self.step(state, byte);
            let mut at = state;
            while at != 0 {
                let ids = self.postings.list(at as usize);
                if !ids.is_empty() {
                    found(ids);
                }
                at = self.nodes[at as usize].ends;
            }
        }
    }

    #[inline]
    fn step(&self, mut state: State, byte: u8) -> State {
        while state != 0 {
            let from = self.nodes[state as usize].edges as usize;
            let to = self.nodes[state as usize + 1].edges as usize;
            let bytes = &self.edge_bytes[from..to];
            if let Some(at) = bytes.iter().position(|one| *one == byte) {
                return self.edge_states[from + at];
            }
            state = self.nodes[state as usize].back;
        }
        self.first[usize::from(byte)]
    }
}

fn edge(edges: &[(u8, State)], byte: u8) -> Option<State> {
    edges.iter().find(|(one, _)| *one == byte).map(|(_, next)| *next)
}

/// Finds the way back of every state, nearer states first.
fn link(growing: &mut [Growing]) {
    let mut open: VecDeque<State> = growing[0].edges.iter().map(|(_, next)| *next).collect();
    while let Some(state) = open.pop_front() {
        for (byte, next) in growing[state as usize].edges.clone() {
            let mut back = growing[state as usize].back;
            let to = loop {
                if let Some(to) = edge(&growing[back as usize].edges, byte) {
                    break to;
                }
                if back == 0 {
                    break 0;
                }
                back = growing[back as usize].back;
            };
            let ends =
                if growing[to as usize].ids.is_empty() { growing[to as usize].ends } else { to };
            growing[next as usize].back = to;
            growing[next as usize].ends = ends;
            open.push_back(next);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_that_occurs_is_found() {
        let given = ["he", "she", "his", "hers", "s", "ers", "aaa", "aab"];
        let numbered: Vec<_> =
            given.iter().zip(0..).map(|(text, id)| (text.as_bytes().to_vec(), id)).collect();
        let substrings = Substrings::new(&numbered);
        for text in ["ushers", "", "aaaab", "this", "x", "hehehe"] {
            let mut found = Vec::new();
            substrings.find(text.as_bytes(), &mut |ids| found.extend_from_slice(ids));
            found.sort_unstable();
            found.dedup();
            let expected: Vec<u32> = (0..)
                .zip(&given)
                .filter(|(_, part)| text.contains(**part))
                .map(|(id, _)| id)
                .collect();
            assert_eq!(found, expected, "{text}");
        }
    }
}
