//! Which nodes go on with which states: those that are the same operator of the same item. A node that several items
//! share goes on with what was of any of them, and a state that several shared is that of each of their nodes.

use super::Identity;
use millstream_ir::flow::NodeId;

/// Of each state the nodes that go on with it as it is; no node goes on with two.
pub fn takers(states: &[&Identity], nodes: &[Identity]) -> Vec<Vec<NodeId>> {
    let mut takers: Vec<Vec<NodeId>> = vec![vec![]; states.len()];
    let mut is_taken = vec![false; nodes.len()];
    let mut give = |state: usize, number: Option<usize>, is_taken: &mut [bool]| {
        if let Some(number) = number {
            is_taken[number] = true;
            takers[state].push(NodeId(number as u32));
        }
    };
    for (number, state) in states.iter().enumerate() {
        let node = nodes.iter().position(|node| node.takes_over(state));
        give(number, node.filter(|node| !is_taken[*node]), &mut is_taken);
    }
    // What was the second of its kind may be the first now, and the first item that shares it another.
    let has_one: Vec<bool> =
        states.iter().map(|state| nodes.iter().any(|node| node.takes_over(state))).collect();
    for (number, state) in states.iter().enumerate().filter(|(number, _)| !has_one[*number]) {
        let node = (0..nodes.len()).find(|node| !is_taken[*node] && nodes[*node].takes_share_of(state));
        give(number, node, &mut is_taken);
    }
    for (node, identity) in nodes.iter().enumerate() {
        if !is_taken[node] {
            let is_shared =
                |state: &&Identity| !state.shared_with.is_empty() && identity.takes_share_of(state);
            if let Some(state) = states.iter().position(is_shared) {
                give(state, Some(node), &mut is_taken);
            }
        }
    }
    takers
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
        let mut items = words[0].split(',').map(str::to_string);
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
