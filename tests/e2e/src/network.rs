//! A network between three servers and this process, of which any line can be cut. It needs root.
//!
//! Every server lives in a network namespace of its own, and every two ends are joined by a line of their own, a pair of virtual
//! interfaces. Addresses are link-local (169.254.0.0/16), for the system keeps 127.0.0.0/8 within each namespace; no line leads
//! out of this machine.

use crate::{
    cluster::SIZE,
    root::{run, undo},
};

/// This process's end; the servers are 0, 1, and 2.
pub const HERE: usize = SIZE;

/// Four ends, joined each with each. Dropping it takes it away; nothing may run in it any more.
pub struct Network {
    /// Of this process alone.
    tag: String,
}

impl Network {
    /// A network whose lines are all up.
    pub fn lay() -> Self {
        let network = Self { tag: format!("m{}", std::process::id()) };
        for server in 0..SIZE {
            run(&format!("ip netns add {}", network.namespace(server)));
            run(&format!("{} link set lo up", network.ip(server)));
        }
        for (one, other) in network.lines() {
            let [near, far] = [network.interface(one, other), network.interface(other, one)];
            let within = network.namespace(one);
            run(&format!("{} link add {far} type veth peer name {near} netns {within}", network.ip(other)));
            for (at, interface) in [(one, &near), (other, &far)] {
                run(&format!("{} addr add {}/32 dev {interface}", network.ip(at), network.address(at)));
            }
            network.join(one, other);
        }
        network
    }

    /// Every line, from a server to a later end.
    pub fn lines(&self) -> impl Iterator<Item = (usize, usize)> + use<> {
        (0..SIZE).flat_map(|one| (one + 1..=HERE).map(move |other| (one, other)))
    }

    /// The lines between one server and the other two.
    pub fn lines_of(&self, server: usize) -> impl Iterator<Item = (usize, usize)> + use<> {
        (0..SIZE).filter(move |other| *other != server).map(move |other| (server, other))
    }

    /// The namespace in which a server runs.
    pub fn namespace(&self, server: usize) -> String {
        format!("{}n{server}", self.tag)
    }

    /// The address of an end. Of processes that run at once, hardly two have the same.
    pub fn address(&self, end: usize) -> String {
        let block = std::process::id() % (128 * 32);
        format!("169.254.{}.{}", block / 32, block as usize % 32 * 8 + 1 + end)
    }

    /// Nothing goes over this line any more, either way.
    pub fn cut(&self, one: usize, other: usize) {
        run(&format!("{} link set {} down", self.ip(one), self.interface(one, other)));
    }

    /// The first end still hears the second, and is not heard.
    pub fn mute(&self, one: usize, other: usize) {
        run(&format!("{} route replace blackhole {}/32", self.ip(one), self.address(other)));
    }

    /// The line is as it was before it was cut or an end was mute.
    pub fn join(&self, one: usize, other: usize) {
        for (at, to) in [(one, other), (other, one)] {
            let (ip, interface, source, address) =
                (self.ip(at), self.interface(at, to), self.address(at), self.address(to));
            run(&format!("{ip} link set {interface} up"));
            run(&format!("{ip} route replace {address}/32 dev {interface} src {source}"));
        }
    }

    fn interface(&self, at: usize, to: usize) -> String {
        format!("{}-{at}{to}", self.tag)
    }

    /// The tool, as used at one end.
    fn ip(&self, end: usize) -> String {
        if end == HERE { "ip".to_owned() } else { format!("ip -n {}", self.namespace(end)) }
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        for server in 0..SIZE {
            undo(&format!("ip link del {}", self.interface(HERE, server)));
            undo(&format!("ip netns del {}", self.namespace(server)));
        }
    }
}
