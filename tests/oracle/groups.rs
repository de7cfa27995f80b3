//! The rules about three or more: lines of one type that are counted together.

use crate::prompt::Event;

/// Lines of one type that are counted together, those with the same values.
pub struct Group {
    counted: fn(&Event) -> bool,
    same: &'static [&'static str],
    /// The field of which different values are counted; without one it is the lines.
    different: Option<&'static str>,
    /// The field that tells the rules of the group apart.
    context: &'static str,
}

pub static LOCKED_FILES: Group = Group {
    counted: |event| event.is_a("file.rewrite") && event.has("extension", &["locked", "crypt"]),
    same: &["Computer", "ProcessId"],
    different: None,
    context: "Image",
};

pub static SWEEP: Group = Group {
    counted: |event| event.is_a("net.connection") && event.has("service", &["smb", "rdp", "ssh"]),
    same: &["id.orig_h", "service"],
    different: Some("id.resp_h"),
    context: "orig_role",
};

pub static SPRAY: Group = Group {
    counted: |event| event.is_a("auth.kerberos_failure") && event.has("Status", &["0x18"]),
    same: &["IpAddress"],
    different: Some("TargetUserName"),
    context: "client_class",
};

impl Group {
    /// Whether the group of the last line has come to three or more with it. What the other lines have as their context
    /// is nothing to it: each line is judged by its own.
    pub fn is_complete(&self, seen: &[Event]) -> bool {
        self.count(seen) >= 3
    }

    /// Whether the line is counted together with the other one. Without the field that counts it is no line of a group.
    fn joins(&self, line: &Event, other: &Event) -> bool {
        (self.counted)(line)
            && self.same.iter().all(|key| line.shares(other, key))
            && self.different.is_none_or(|key| line.field(key).is_some())
    }

    /// The lines that are counted together with the last one, which is among them, or none where that is of no group.
    fn lines<'a>(&self, seen: &'a [Event]) -> Vec<&'a Event> {
        let last = seen.last().filter(|last| self.joins(last, last));
        let joining = last.map(|last| seen.iter().filter(|line| self.joins(line, last)));
        joining.into_iter().flatten().collect()
    }

    /// Whether the line has a value that counts already.
    fn repeats(&self, line: &Event, earlier: &[&Event]) -> bool {
        self.different
            .is_some_and(|key| earlier.iter().any(|other| other.shares(line, key)))
    }

    /// What the group of the last line has come to.
    fn count(&self, seen: &[Event]) -> usize {
        let lines = self.lines(seen);
        (0..lines.len())
            .filter(|&at| !self.repeats(lines[at], &lines[..at]))
            .count()
    }

    /// Whether the last line comes back to a value that its group has already.
    pub fn is_return(&self, seen: &[Event]) -> bool {
        let lines = self.lines(seen);
        lines
            .split_last()
            .is_some_and(|(last, earlier)| self.repeats(last, earlier))
    }

    /// Whether no other line of its group has the context of the last one.
    pub fn is_alone(&self, seen: &[Event]) -> bool {
        let lines = self.lines(seen);
        lines.split_last().is_some_and(|(last, earlier)| {
            let context = |line: &Event| line.word(self.context).map(str::to_ascii_lowercase);
            earlier.iter().all(|line| context(line) != context(last))
        })
    }
}
