//! Which nodes go on with which states: those that are the same operator of the same item. A node that several items
//! share goes on with what was of any of them, and a state that several shared is that of each of their nodes.

use super::Identity;
use millstream_ir::flow::NodeId;

/// Of each state the nodes that go on with it as it is; no node goes on with two.
pub fn takers(states: &[&Identity], nodes: &[Identity]) -> Vec<Vec<NodeId>> {
    let mut takers: Vec<Vec<NodeId>> = vec![vec![]; states.len()];
    let mut is_taken = vec![false; nodes.len()];
    let give = |takers: &mut [Vec<NodeId>], state: usize, node: Option<usize>, is_taken: &mut [bool]| {
        if let Some(node) = node.filter(|node| !is_taken[*node]) {
            is_taken[node] = true;
            takers[state].push(NodeId(node as u32));
        }
    };
    for (number, state) in states.iter().enumerate() {
        let node = nodes.iter().position(|node| node.takes_over(state));
        give(&mut takers, number, node, &mut is_taken);
    }
    // The first item that shares it may be another.
    for (number, state) in states.iter().enumerate() {
        if takers[number].is_empty() {
            let node = (0..nodes.len()).find(|node| !is_taken[*node] && nodes[*node].takes_share_of(state));
            give(&mut takers, number, node, &mut is_taken);
        }
    }
    // What was the second of its kind may be the first now: where nothing else could be meant.
    for (number, state) in states.iter().enumerate() {
        if takers[number].is_empty() {
            give(&mut takers, number, only_taker(state, states, nodes), &mut is_taken);
        }
    }
    for (node, identity) in nodes.iter().enumerate() {
        if !is_taken[node] {
            let is_shared =
                |state: &&Identity| !state.shared_with.is_empty() && identity.takes_share_of(state);
            let state = states.iter().position(is_shared);
            state.into_iter().for_each(|state| give(&mut takers, state, Some(node), &mut is_taken));
        }
    }
    takers
}

/// The only node that could take a state, if it could take no other.
fn only_taker(state: &Identity, states: &[&Identity], nodes: &[Identity]) -> Option<usize> {
    let mut could = (0..nodes.len()).filter(|node| nodes[*node].could_take(state));
    let node = could.next()?;
    let n_states = states.iter().filter(|state| nodes[node].could_take(state)).count();
    (could.next().is_none() && n_states == 1).then_some(node)
}

/// The items that shared a state and are in the program, of which no node goes on with it.
pub fn without<'s>(state: &'s Identity, takers: &[NodeId], nodes: &[Identity]) -> Vec<&'s str> {
    let goes_on = |item: &str| takers.iter().any(|node| nodes[node.0 as usize].has_item(item));
    let is_there = |item: &str| nodes.iter().any(|node| node.has_item(item));
    state.items().filter(|item| !goes_on(item) && is_there(item)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `items kind shape`, of which the first item is that of the name.
    fn identity(text: &str) -> Identity {
        let words: Vec<&str> = text.split(' ').collect();
        let mut items = words[0].split(',').map(|item| item.replace('_', " "));
        Identity {
            item: items.next().unwrap_or_default(),
            shared_with: items.collect(),
            kind: words[1].replace('_', " "),
            shape: words[2].to_string(),
        }
    }

    fn taken(states: &[&str], nodes: &[&str]) -> String {
        let [states, nodes] =
            [states, nodes].map(|texts| texts.iter().map(|text| identity(text)).collect::<Vec<_>>());
        let known: Vec<&Identity> = states.iter().collect();
        let takers = takers(&known, &nodes);
        let of_state = |(state, takers): (&Identity, &Vec<NodeId>)| {
            let numbers: Vec<String> = takers.iter().map(|node| node.0.to_string()).collect();
            let without = without(state, takers, &nodes);
            format!(
                "{}{}",
                numbers.join("+"),
                without.iter().map(|item| format!("-{item}")).collect::<String>()
            )
        };
        states.iter().zip(&takers).map(of_state).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn states_go_to_the_same_operators_of_the_same_items() {
        assert_eq!(taken(&["d order v", "e order w"], &["e order w", "d order v"]), "1 0");
        assert_eq!(taken(&["d order v"], &["d order w"]), "-d");
        assert_eq!(taken(&["d order v"], &["e order v"]), "");
        // A node before it is gone, or there is one more.
        assert_eq!(taken(&["d order v", "d order_2 w"], &["d order w"]), "-d 0");
        assert_eq!(taken(&["d order w"], &["d order v", "d order_2 w"]), "1");
    }

    #[test]
    fn what_others_share_does_not_change_whose_a_state_is() {
        // One has begun to share the first of two, or has left; it stands in front.
        assert_eq!(taken(&["e top v", "e top_2 v"], &["d,e top v", "e top_2 v"]), "0 1");
        assert_eq!(taken(&["d,e top v", "e top_2 v"], &["e top v", "e top_2 v"]), "0 1");
        // It shares the second.
        assert_eq!(taken(&["e top v", "e top_2 v"], &["d,e_2 top v", "e top v"]), "1 0");
        // What a stream has a second time is new.
        assert_eq!(taken(&["d,e top v"], &["d,e top v", "e top_2 v"]), "0");
        // Nobody can tell which of two it was.
        assert_eq!(taken(&["e top_3 v"], &["e top v", "e top_2 v"]), "-e");
    }

    #[test]
    fn what_is_shared_is_of_each_who_shares_it() {
        // The first of them stands behind the other now, or is not there any more.
        assert_eq!(taken(&["d,e order v"], &["e,d order v"]), "0");
        assert_eq!(taken(&["d,e order v"], &["e order v"]), "0");
        // One has begun to share it.
        assert_eq!(taken(&["d order v"], &["c,d order v"]), "0");
        // Each has its own now, or one needs another.
        assert_eq!(taken(&["d,e order v"], &["d order v", "e order v"]), "0+1");
        assert_eq!(taken(&["d,e order v"], &["d order v", "e order w"]), "0-e");
        // Two that were apart would be one.
        assert_eq!(taken(&["d order v", "e order v"], &["d,e order v"]), "0 -e");
    }
}
