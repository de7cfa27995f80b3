//! The small organisation an episode plays in: who works there, at which machine, with which address, and when.
//!
//! Lines take people and machines from here, so the same person is the same person in all of them. A few lines are of a
//! service account on a server, as they are everywhere; outside working hours two in three of those of others are.

use crate::env::pools::Pools;
use crate::stream::Stream;

/// Who acts in a line, at which machine, from which address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Person {
    pub user: String,
    pub host: String,
    pub ip: String,
}

/// People, servers and hours.
#[derive(Clone, Debug)]
pub(crate) struct Organisation {
    /// The first does most of what a window of one deciding line shows, the last is a service account.
    pub people: Vec<Person>,
    pub servers: Network,
    /// Where visitors' machines are.
    pub guests: Network,
    /// Where servers are administered from.
    pub admins: Network,
    /// When the window opens, in seconds of the day.
    pub opens_at: u64,
}

/// Machines without a user of their own: many more than a window shows, so each has its address written out when it is picked.
#[derive(Clone, Debug)]
pub(crate) struct Network {
    /// The first three octets.
    network: String,
    /// The last, of each.
    octets: Vec<u64>,
}

impl Network {
    fn draw(network: String, stream: &mut Stream) -> Self {
        let octets = distinct(MACHINES, 1..=254, stream);
        Self { network, octets }
    }

    /// The address of one of them; none where there are none.
    pub fn pick(&self, stream: &mut Stream) -> Option<String> {
        let octet = stream.pick(&self.octets)?;
        Some(format!("{}.{octet}", self.network))
    }
}

/// People with an own machine, the service account not counted.
const STAFF: usize = 6;
const SERVERS: usize = 16;
/// Machines of each other network.
const MACHINES: usize = 4;
/// Of five windows, so many open in working hours.
const IN_HOURS: u64 = 4;
/// Outside of them, of three lines of others, so many are of the service account.
const NIGHT_THIRDS: u64 = 2;
/// From half past seven to six, in seconds of the day.
const WORKING_HOURS: (u64, u64) = (27_000, 64_800);
/// The last second at which a window may open: all its lines fall on one day.
const LATEST: u64 = 85_000;

impl Organisation {
    pub fn draw(pools: &Pools, stream: &mut Stream) -> Self {
        let desks = network(pools, &[], stream);
        let racks = network(pools, &[&desks], stream);
        let mut octets = distinct(STAFF + 1 + SERVERS, 1..=254, stream).into_iter();
        let mut numbers = distinct(STAFF + 1, 1..=40, stream).into_iter();
        let mut people: Vec<Person> = Vec::with_capacity(STAFF + 1);
        for place in 0..=STAFF {
            let is_service = place == STAFF;
            let taken: Vec<&str> = people.iter().map(|person| &*person.user).collect();
            let user = match is_service {
                false => pools.user_besides(&taken, stream),
                true => pools.service_account(stream),
            };
            let network = if is_service { &racks } else { &desks };
            let prefix = match is_service {
                false => pools.desk_prefix(stream),
                true => pools.server_prefix(stream),
            };
            people.push(Person {
                user,
                host: format!("{prefix}-{:02}", numbers.next().unwrap_or(1)),
                ip: format!("{network}.{}", octets.next().unwrap_or(1)),
            });
        }
        let guests = Network::draw(network(pools, &[&desks, &racks], stream), stream);
        let taken = [&*desks, &racks, &guests.network];
        let admins = Network::draw(network(pools, &taken, stream), stream);
        Self {
            people,
            servers: Network {
                octets: octets.collect(),
                network: racks,
            },
            guests,
            admins,
            opens_at: opening(stream),
        }
    }

    /// Who does most of it.
    pub fn subject(&self) -> &Person {
        // Never empty: `draw` fills it.
        &self.people[0]
    }

    /// The service account, on its server.
    pub fn service(&self) -> &Person {
        self.people.last().unwrap_or_else(|| self.subject())
    }

    /// Whether this is the service account.
    pub fn is_service(&self, person: &Person) -> bool {
        self.people.last() == Some(person)
    }

    /// A person who is not the subject.
    pub fn colleague(&self) -> &Person {
        self.people.get(1).unwrap_or_else(|| self.subject())
    }

    /// Somebody else.
    pub fn other(&self, stream: &mut Stream) -> &Person {
        let others = self.people.len().saturating_sub(1).max(1);
        let at = 1 + stream.index(others);
        let is_job = stream.chance(NIGHT_THIRDS, 3) && !self.is_open();
        match self.people.get(at) {
            Some(person) if !is_job => person,
            _ => self.service(),
        }
    }

    /// Whether the window opens in working hours.
    fn is_open(&self) -> bool {
        (WORKING_HOURS.0..=WORKING_HOURS.1).contains(&self.opens_at)
    }

    /// Everybody with an own machine in random order, the subject among the first three.
    pub fn staff(&self, stream: &mut Stream) -> Vec<Person> {
        let staff = self.people.iter().take(STAFF).skip(1);
        let mut staff: Vec<Person> = staff.cloned().collect();
        stream.shuffle(&mut staff);
        staff.insert(stream.index(3), self.subject().clone());
        staff
    }
}

/// The first three octets of a network that is none of those `taken`.
fn network(pools: &Pools, taken: &[&str], stream: &mut Stream) -> String {
    loop {
        let drawn = pools.internal_network(stream);
        if !taken.contains(&&*drawn) {
            return drawn;
        }
    }
}

fn opening(stream: &mut Stream) -> u64 {
    let (from, to) = WORKING_HOURS;
    let (inside, any) = (stream.between(from, to), stream.between(0, LATEST));
    if stream.chance(IN_HOURS, 5) {
        inside
    } else {
        any
    }
}

/// `count` different numbers of a range that holds more.
fn distinct(count: usize, range: std::ops::RangeInclusive<u64>, stream: &mut Stream) -> Vec<u64> {
    let mut found = Vec::with_capacity(count);
    while found.len() < count {
        let number = stream.between(*range.start(), *range.end());
        if !found.contains(&number) {
            found.push(number);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::pools;
    use crate::env::schema::Split;
    use std::collections::BTreeSet;

    #[test]
    fn nobody_shares_a_name_a_machine_or_an_address() {
        for seed in 0..300 {
            let mut stream = Stream::named(seed, &["organisation test"]);
            for split in [Split::Train, Split::Holdout] {
                let drawn = Organisation::draw(pools::of(split), &mut stream);
                let users: BTreeSet<_> = drawn.people.iter().map(|p| &p.user).collect();
                let hosts: BTreeSet<_> = drawn.people.iter().map(|p| &p.host).collect();
                let staff = drawn.people.iter().map(|p| &p.ip);
                let servers = &drawn.servers;
                let of_servers = servers
                    .octets
                    .iter()
                    .map(|n| format!("{}.{n}", servers.network));
                let addresses: BTreeSet<_> = staff.cloned().chain(of_servers).collect();
                assert_eq!(users.len(), STAFF + 1);
                assert_eq!(hosts.len(), STAFF + 1);
                assert_eq!(addresses.len(), STAFF + 1 + SERVERS);
                assert_ne!(drawn.other(&mut stream), drawn.subject());
            }
        }
    }

    #[test]
    fn most_windows_open_in_working_hours() {
        let mut stream = Stream::named(1, &["hours"]);
        let (from, to) = WORKING_HOURS;
        let hours = (0..1_000).map(|_| opening(&mut stream));
        let inside = hours.filter(|t| (from..=to).contains(t)).count();
        assert!((830..950).contains(&inside), "{inside}");
    }
}
