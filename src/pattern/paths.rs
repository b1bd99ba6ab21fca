//! The paths that patterns ask for, as a trie of key segments.
//!
//! Main type: [`Paths`]. Invariant: a path's segments are what is between its dots, so that
//! `{"a.b": …}` and `{"a": {"b": …}}` reach the same node however the dots are spread over keys.

use super::event::Wanted;

/// A node of the trie; 0 is the root.
pub(crate) type NodeId = u32;
/// The number of a path.
pub(crate) type PathId = u32;

const NONE: u32 = u32::MAX;

/// A key as it is looked up: its length, its first eight bytes, and all of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Segment<'k> {
    head: u64,
    bytes: &'k [u8],
}

impl<'k> Segment<'k> {
    pub(crate) fn new(bytes: &'k [u8]) -> Self {
        let mut head = [0; 8];
        let length = bytes.len().min(8);
        head[..length].copy_from_slice(&bytes[..length]);
        Self { head: u64::from_le_bytes(head), bytes }
    }

    /// As `new`, when the eight bytes from the key's start on are at hand already.
    pub(crate) fn with_word(word: u64, bytes: &'k [u8]) -> Self {
        let head = match bytes.len() {
            0 => 0,
            length @ 1..=7 => word & (u64::MAX >> (64 - 8 * length)),
            _ => word,
        };
        Self { head, bytes }
    }

    fn hash(&self) -> u64 {
        let length = self.bytes.len() as u64;
        (self.head ^ (length << 56)).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }
}

/// A place in a node's table.
#[derive(Debug, Clone, Copy)]
struct Slot {
    head: u64,
    /// Where the whole key lies in `keys`.
    start: u32,
    length: u32,
    child: NodeId,
}

const EMPTY: Slot = Slot { head: 0, start: 0, length: 0, child: NONE };

#[derive(Debug, Clone)]
struct Node {
    /// Open addressing, at most half full; its size is a power of two.
    table: Box<[Slot]>,
    /// `64 -` the logarithm of the table's size.
    shift: u32,
    /// One bit for each length of a child's key (the longest share one), so that most keys that nobody
    /// wants are known by their length.
    lengths: u64,
    children: u32,
    path: u32,
    /// Some child has children, so that a key with dots can lead on from here.
    deep: bool,
}

impl Node {
    fn new() -> Self {
        Self {
            table: Box::new([EMPTY; 2]),
            shift: 63,
            lengths: 0,
            children: 0,
            path: NONE,
            deep: false,
        }
    }
}

/// The wanted paths.
#[derive(Debug, Clone)]
pub(crate) struct Paths {
    nodes: Vec<Node>,
    keys: Vec<u8>,
    count: PathId,
}

fn number(count: usize) -> u32 {
    u32::try_from(count).expect("patterns are far shorter than 2^32 bytes")
}

impl Paths {
    pub(crate) fn new() -> Self {
        Self { nodes: vec![Node::new()], keys: Vec::new(), count: 0 }
    }

    /// The number of `path`, which is new if it was not wanted before.
    pub(crate) fn insert(&mut self, path: &[u8]) -> PathId {
        let mut node = 0;
        for (depth, segment) in path.split(|&byte| byte == b'.').enumerate() {
            let segment = Segment::new(segment);
            let child = self.child(node, segment).unwrap_or_else(|| self.grow(node, segment));
            if depth > 0 {
                self.mark_deep(path, depth);
            }
            node = child;
        }
        let slot = &mut self.nodes[node as usize].path;
        if *slot == NONE {
            *slot = self.count;
            self.count += 1;
        }
        *slot
    }

    /// Marks the node above the one that got a child at `depth`.
    fn mark_deep(&mut self, path: &[u8], depth: usize) {
        let above = path.split(|&byte| byte == b'.').take(depth - 1);
        let mut above = above;
        let node = above.try_fold(0, |node, segment| self.child(node, Segment::new(segment)));
        if let Some(node) = node {
            self.nodes[node as usize].deep = true;
        }
    }

    fn grow(&mut self, node: NodeId, segment: Segment<'_>) -> NodeId {
        let child = number(self.nodes.len());
        self.nodes.push(Node::new());
        let start = number(self.keys.len());
        self.keys.extend_from_slice(segment.bytes);
        let length = number(segment.bytes.len());
        let slot = Slot { head: segment.head, start, length, child };
        let Self { nodes, keys, .. } = self;
        let node = &mut nodes[node as usize];
        node.children += 1;
        node.lengths |= Wanted::bit(segment.bytes.len());
        if node.children as usize * 2 > node.table.len() {
            let old = std::mem::take(&mut node.table);
            node.table = vec![EMPTY; old.len() * 2].into_boxed_slice();
            node.shift -= 1;
            for slot in old.iter().filter(|slot| slot.child != NONE) {
                put(node, keys, *slot);
            }
        }
        put(node, keys, slot);
        child
    }

    /// How many paths there are.
    pub(crate) fn len(&self) -> usize {
        self.count as usize
    }

    /// The node below `node` for a segment without dots.
    pub(crate) fn child(&self, node: NodeId, segment: Segment<'_>) -> Option<NodeId> {
        let node = &self.nodes[node as usize];
        let mask = node.table.len() - 1;
        let mut at = place(segment.hash(), node.shift);
        loop {
            let slot = &node.table[at & mask];
            if slot.child == NONE {
                return None;
            }
            if slot.head == segment.head
                && slot.length as usize == segment.bytes.len()
                && (slot.length <= 8 || self.key(slot) == segment.bytes)
            {
                return Some(slot.child);
            }
            at += 1;
        }
    }

    fn key(&self, slot: &Slot) -> &[u8] {
        &self.keys[slot.start as usize..][..slot.length as usize]
    }

    /// Which keys may lead on from `node`.
    pub(crate) fn wanted(&self, node: NodeId) -> Wanted {
        let node = &self.nodes[node as usize];
        Wanted { lengths: node.lengths, dots: node.deep }
    }

    /// The node below `node` for a whole key, which may contain dots.
    pub(crate) fn step(&self, node: NodeId, key: Segment<'_>) -> Option<NodeId> {
        if let Some(child) = self.child(node, key) {
            return Some(child);
        }
        if !self.nodes[node as usize].deep || !key.bytes.contains(&b'.') {
            return None;
        }
        key.bytes
            .split(|&byte| byte == b'.')
            .try_fold(node, |node, segment| self.child(node, Segment::new(segment)))
    }

    /// The path that ends at `node`.
    pub(crate) fn path(&self, node: NodeId) -> Option<PathId> {
        let path = self.nodes[node as usize].path;
        (path != NONE).then_some(path)
    }

    /// Whether any path leads on below `node`.
    pub(crate) fn leads_on(&self, node: NodeId) -> bool {
        self.nodes[node as usize].children > 0
    }
}

fn place(hash: u64, shift: u32) -> usize {
    usize::try_from(hash >> shift).expect("a table's size fits")
}

fn put(node: &mut Node, keys: &[u8], slot: Slot) {
    let bytes = &keys[slot.start as usize..][..slot.length as usize];
    let mask = node.table.len() - 1;
    let mut at = place(Segment { head: slot.head, bytes }.hash(), node.shift);
    while node.table[at & mask].child != NONE {
        at += 1;
    }
    node.table[at & mask] = slot;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dots_may_be_spread_over_keys_in_any_way() {
        let mut paths = Paths::new();
        let path = paths.insert(b"detail.state.a-long-key-name");
        assert_eq!(paths.insert(b"detail.state.a-long-key-name"), path);
        let walk = |keys: &[&[u8]]| {
            let mut keys = keys.iter();
            let end = keys.try_fold(0, |node, key| paths.step(node, Segment::new(key)));
            end.and_then(|node| paths.path(node))
        };
        assert_eq!(walk(&[b"detail", b"state", b"a-long-key-name"]), Some(path));
        assert_eq!(walk(&[b"detail.state", b"a-long-key-name"]), Some(path));
        assert_eq!(walk(&[b"detail", b"state.a-long-key-name"]), Some(path));
        assert_eq!(walk(&[b"detail.state.a-long-key-name"]), Some(path));
        assert_eq!(walk(&[b"detail", b"state", b"a-long-key-nama"]), None);
        assert_eq!(walk(&[b"detail"]), None);
    }

    #[test]
    fn many_keys_below_one_node_are_all_found() {
        let mut paths = Paths::new();
        for key in 0..1000 {
            assert_eq!(paths.insert(format!("k{key}").as_bytes()), key);
        }
        for key in 0..1000 {
            let found = paths.child(0, Segment::new(format!("k{key}").as_bytes()));
            assert_eq!(found.and_then(|node| paths.path(node)), Some(key));
        }
    }
}
