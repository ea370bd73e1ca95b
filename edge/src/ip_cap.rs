//! How many connections one address may hold.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, PoisonError},
};

/// Open connections by address. Holds no address without a connection.
#[derive(Debug)]
pub(crate) struct IpCap {
    max: usize,
    open: Mutex<HashMap<IpAddr, usize>>,
}

/// One connection's place; gives it back when dropped.
#[derive(Debug)]
pub(crate) struct Place {
    cap: Arc<IpCap>,
    key: IpAddr,
}

impl IpCap {
    pub(crate) fn new(max: usize) -> Arc<Self> {
        Arc::new(Self { max, open: Mutex::new(HashMap::new()) })
    }

    /// A place for one more connection, if the address has one left.
    pub(crate) fn enter(self: &Arc<Self>, address: IpAddr) -> Option<Place> {
        let key = key(address);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let held = open.get(&key).copied().unwrap_or(0);
        if held >= self.max {
            return None;
        }
        open.insert(key, held + 1);
        Some(Place { cap: self.clone(), key })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.cap.open.lock().unwrap_or_else(PoisonError::into_inner);
        match open.get_mut(&self.key) {
            Some(held) if *held > 1 => *held -= 1,
            Some(_) | None => drop(open.remove(&self.key)),
        }
    }
}

/// One IPv6 customer has a whole /64, so that counts as one address.
fn key(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(v4) => IpAddr::V4(v4),
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_comes_back() {
        let cap = IpCap::new(2);
        let address = IpAddr::from([192, 0, 2, 1]);
        let (first, second) = (cap.enter(address), cap.enter(address));
        assert!(first.is_some() && second.is_some() && cap.enter(address).is_none());
        assert!(cap.enter(IpAddr::from([192, 0, 2, 2])).is_some(), "another address is not concerned");
        drop(first);
        let third = cap.enter(address);
        assert!(third.is_some());
        drop((second, third));
        assert!(cap.open.lock().unwrap().is_empty());
    }

    #[test]
    fn one_ipv6_network_is_one_address() {
        let cap = IpCap::new(1);
        let _held = cap.enter("2001:db8::1".parse().unwrap()).unwrap();
        assert!(cap.enter("2001:db8::2".parse().unwrap()).is_none());
        assert!(cap.enter("2001:db8:0:1::1".parse().unwrap()).is_some());
        let _v4 = cap.enter("::ffff:192.0.2.1".parse().unwrap()).unwrap();
        assert!(cap.enter("192.0.2.1".parse().unwrap()).is_none());
    }
}
