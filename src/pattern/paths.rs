//! The paths that patterns ask for, as a trie of key segments.
//!
//! Main type: [`Paths`]. Invariant: a path's segments are what is between its dots, so that
//! `{"a.b": …}` and `{"a": {"b": …}}` reach the same node however the dots are spread over keys.

use std::collections::HashMap;

/// A node of the trie; 0 is the root.
pub(crate) type NodeId = u32;
/// The number of a path.
pub(crate) type PathId = u32;

#[derive(Debug, Clone, Default)]
struct Node {
    children: HashMap<Box<[u8]>, NodeId>,
    path: Option<PathId>,
}

/// The wanted paths.
#[derive(Debug, Clone)]
pub(crate) struct Paths {
    nodes: Vec<Node>,
    count: PathId,
}

impl Paths {
    pub(crate) fn new() -> Self {
        Self { nodes: vec![Node::default()], count: 0 }
    }

    /// The number of `path`, which is new if it was not wanted before.
    pub(crate) fn insert(&mut self, path: &[u8]) -> PathId {
        let mut node = 0;
        for segment in path.split(|&byte| byte == b'.') {
            node = match self.child(node, segment) {
                Some(child) => child,
                None => {
                    let child = NodeId::try_from(self.nodes.len()).expect("fewer nodes than 2^32");
                    self.nodes.push(Node::default());
                    self.nodes[node as usize].children.insert(segment.into(), child);
                    child
                }
            };
        }
        let next = self.count;
        let slot = &mut self.nodes[node as usize].path;
        *slot.get_or_insert_with(|| {
            self.count += 1;
            next
        })
    }

    /// How many paths there are.
    pub(crate) fn len(&self) -> usize {
        self.count as usize
    }

    fn child(&self, node: NodeId, segment: &[u8]) -> Option<NodeId> {
        self.nodes[node as usize].children.get(segment).copied()
    }

    /// The node below `node` for a whole key, which may contain dots.
    pub(crate) fn step(&self, node: NodeId, key: &[u8]) -> Option<NodeId> {
        if !key.contains(&b'.') {
            return self.child(node, key);
        }
        key.split(|&byte| byte == b'.').try_fold(node, |node, segment| self.child(node, segment))
    }

    /// The path that ends at `node`.
    pub(crate) fn path(&self, node: NodeId) -> Option<PathId> {
        self.nodes[node as usize].path
    }
}
