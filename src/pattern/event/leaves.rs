//! What a scan found: leaves by path, and the array elements that they lie in.
//!
//! Main type: [`Leaves`]. Invariant: it holds places and no references, so that one can be reused
//! for event after event without allocating.

use super::super::condition::{Number, Scalar};
use super::super::paths::PathId;
use super::unescape;

/// The elements of arrays that contain a leaf, as a list that shares its tails: 0 is none.
pub(crate) type MembershipId = u32;
/// The number of a leaf.
pub(crate) type LeafId = u32;

const NONE: u32 = u32::MAX;

/// One step of a membership.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Membership {
    /// The elements further out.
    pub(crate) outer: MembershipId,
    /// Which array of the event.
    pub(crate) array: u32,
    /// Which element of it.
    pub(crate) index: u32,
    /// How many elements there are further out.
    pub(crate) depth: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Unescaped,
    Number,
    True,
    False,
    Null,
}

/// What a leaf is, and where it lies.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    start: u32,
    end: u32,
    kind: Kind,
}

fn offset(at: usize) -> u32 {
    u32::try_from(at).expect("longer events are refused")
}

impl Place {
    pub(super) const TRUE: Self = Self { start: 0, end: 0, kind: Kind::True };
    pub(super) const FALSE: Self = Self { start: 0, end: 0, kind: Kind::False };
    pub(super) const NULL: Self = Self { start: 0, end: 0, kind: Kind::Null };

    /// A string between its quotes.
    pub(super) fn text(start: usize, end: usize, escaped: bool) -> Self {
        let kind = if escaped { Kind::Unescaped } else { Kind::Text };
        Self { start: offset(start), end: offset(end), kind }
    }

    pub(super) fn number(start: usize, end: usize) -> Self {
        Self { start: offset(start), end: offset(end), kind: Kind::Number }
    }
}

/// A leaf whose number, if it is one, is not read yet.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Raw<'e> {
    Text(&'e [u8]),
    Number(&'e str),
    True,
    False,
    Null,
}

/// One wanted leaf.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Leaf {
    pub(crate) path: PathId,
    pub(crate) membership: MembershipId,
    place: Place,
    /// The leaf of the same path before this one.
    before: LeafId,
}

/// What a scan found.
#[derive(Debug, Default)]
pub(crate) struct Leaves {
    found: Vec<Leaf>,
    memberships: Vec<Membership>,
    /// The texts that had escapes.
    unescaped: Vec<u8>,
    /// The last leaf of each path.
    last: Vec<LeafId>,
}

impl Leaves {
    pub(super) fn clear(&mut self, paths: usize) {
        for leaf in &self.found {
            self.last[leaf.path as usize] = NONE;
        }
        self.found.clear();
        self.memberships.clear();
        self.unescaped.clear();
        if self.last.len() < paths {
            self.last.resize(paths, NONE);
        }
    }

    /// A new element of an array.
    #[inline]
    pub(super) fn member(&mut self, outer: MembershipId, array: u32, index: u32) -> MembershipId {
        let depth = self.membership(outer).map_or(0, |step| step.depth + 1);
        self.memberships.push(Membership { outer, array, index, depth });
        offset(self.memberships.len())
    }

    #[inline]
    pub(super) fn push(
        &mut self,
        event: &[u8],
        path: PathId,
        mut place: Place,
        membership: MembershipId,
    ) {
        if place.kind == Kind::Unescaped {
            let start = self.unescaped.len();
            let raw = &event[place.start as usize..place.end as usize];
            unescape(raw, false, &mut self.unescaped);
            place.start = offset(start);
            place.end = offset(self.unescaped.len());
        }
        let leaf = offset(self.found.len());
        let before = std::mem::replace(&mut self.last[path as usize], leaf);
        self.found.push(Leaf { path, membership, place, before });
    }

    /// All leaves in the order of the event.
    pub(crate) fn all(&self) -> &[Leaf] {
        &self.found
    }

    /// The leaves of a path, last one first.
    #[inline]
    pub(crate) fn of_path(&self, path: PathId) -> impl Iterator<Item = &Leaf> {
        let mut at = self.last[path as usize];
        std::iter::from_fn(move || {
            let leaf = self.found.get(at as usize)?;
            at = leaf.before;
            Some(leaf)
        })
    }

    /// Whether a path has a leaf.
    #[inline]
    pub(crate) fn has(&self, path: PathId) -> bool {
        self.last[path as usize] != NONE
    }

    /// A leaf's value; `event` is the text that was scanned.
    #[inline]
    pub(crate) fn value<'e>(&'e self, leaf: &Leaf, event: &'e str) -> Scalar<'e> {
        match self.raw(leaf, event) {
            Raw::Text(text) => Scalar::Text(text),
            Raw::Number(text) => Scalar::Number(Number::new(text)),
            Raw::True => Scalar::True,
            Raw::False => Scalar::False,
            Raw::Null => Scalar::Null,
        }
    }

    /// A leaf as it stands in the event.
    #[inline]
    pub(crate) fn raw<'e>(&'e self, leaf: &Leaf, event: &'e str) -> Raw<'e> {
        let Place { start, end, kind } = leaf.place;
        let range = start as usize..end as usize;
        match kind {
            Kind::Text => Raw::Text(&event.as_bytes()[range]),
            Kind::Unescaped => Raw::Text(&self.unescaped[range]),
            Kind::Number => Raw::Number(&event[range]),
            Kind::True => Raw::True,
            Kind::False => Raw::False,
            Kind::Null => Raw::Null,
        }
    }

    /// The step of a membership, or nothing at its end.
    #[inline]
    pub(crate) fn membership(&self, id: MembershipId) -> Option<Membership> {
        (id > 0).then(|| self.memberships[id as usize - 1])
    }

    /// Whether two leaves can be bound together: no array would be in two elements at once.
    pub(crate) fn consistent(&self, mut one: MembershipId, mut other: MembershipId) -> bool {
        while let (Some(a), Some(b)) = (self.membership(one), self.membership(other)) {
            if one == other {
                return true;
            }
            if a.array == b.array {
                return false;
            }
            // An array lies at one depth only, so both sides meet at the same depth or never.
            if a.depth >= b.depth {
                one = a.outer;
            }
            if b.depth >= a.depth {
                other = b.outer;
            }
        }
        true
    }
}
