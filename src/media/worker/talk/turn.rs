//! Half duplex: whose turn it is.

/// Who does not speak breaks in after this.
const BREAKS_IN_MS: i64 = 180;
/// The turn of who is inside ends after so long a silence.
const INSIDE_ENDS_MS: i64 = 350;
/// Likewise the visitor's, whose voice goes on for 300 ms after the last word as the ear has it.
const VISITOR_ENDS_MS: i64 = 60;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Inside,
    Visitor,
}

/// What is held down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Held {
    /// The camera's speaker.
    pub speaker: bool,
    /// The camera's microphone.
    pub microphone: bool,
}

/// While one side speaks, the other is held down. Who is inside may break in.
#[derive(Default)]
pub struct Turn {
    has: Option<Side>,
    /// When whoever has the turn was last heard.
    last_ms: i64,
    /// Since when who is inside speaks.
    inside_ms: Option<i64>,
}

impl Turn {
    /// Time goes on. `inside`, `visitor`: they are speaking now. `echo_ms`: for so long the microphone still hears
    /// what the speaker said.
    pub fn step(&mut self, inside: bool, visitor: bool, echo_ms: i64, now_ms: i64) -> Held {
        let since = inside.then(|| self.inside_ms.unwrap_or(now_ms));
        self.inside_ms = since;
        let breaks_in = since.is_some_and(|since| now_ms - since >= BREAKS_IN_MS);
        let ended = |after: i64| now_ms - self.last_ms >= after;
        let has = match self.has {
            Some(Side::Inside) if inside || !ended(INSIDE_ENDS_MS + echo_ms) => Some(Side::Inside),
            Some(Side::Visitor) if breaks_in => Some(Side::Inside),
            Some(Side::Visitor) if visitor || !ended(VISITOR_ENDS_MS) => Some(Side::Visitor),
            _ if inside => Some(Side::Inside),
            _ => visitor.then_some(Side::Visitor),
        };
        let heard = match has {
            Some(Side::Inside) => inside,
            Some(Side::Visitor) => visitor,
            None => false,
        };
        if heard {
            self.last_ms = now_ms;
        }
        self.has = has;
        Held { speaker: has == Some(Side::Visitor), microphone: has == Some(Side::Inside) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPEN: Held = Held { speaker: false, microphone: false };
    const INSIDE: Held = Held { speaker: false, microphone: true };
    const VISITOR: Held = Held { speaker: true, microphone: false };

    struct Talk {
        turn: Turn,
        now: i64,
    }

    impl Talk {
        fn go(&mut self, ms: i64, inside: bool, visitor: bool) -> Held {
            let until = self.now + ms;
            let mut held = OPEN;
            while self.now < until {
                self.now += 20;
                held = self.turn.step(inside, visitor, 100, self.now);
            }
            held
        }
    }

    #[test]
    fn while_nobody_speaks_nothing_is_held_down_and_who_begins_has_the_turn() {
        let mut talk = Talk { turn: Turn::default(), now: 0 };
        assert_eq!(talk.go(500, false, false), OPEN);
        assert_eq!(talk.go(20, true, false), INSIDE);
        assert_eq!(
            talk.go(2_000, true, true),
            INSIDE,
            "who is inside hears no visitor, least of all the echo"
        );
    }

    #[test]
    fn a_turn_ends_after_a_silence_and_when_the_echo_is_over() {
        let mut talk = Talk { turn: Turn::default(), now: 0 };
        talk.go(500, true, false);
        assert_eq!(talk.go(420, false, true), INSIDE);
        assert_eq!(talk.go(40, false, true), VISITOR);
        assert_eq!(talk.go(40, false, false), VISITOR);
        assert_eq!(talk.go(20, false, false), OPEN);
    }

    #[test]
    fn who_is_inside_breaks_in_with_words_and_not_with_a_cough() {
        let mut talk = Talk { turn: Turn::default(), now: 0 };
        talk.go(500, false, true);
        assert_eq!(talk.go(160, true, true), VISITOR);
        assert_eq!(talk.go(100, false, true), VISITOR);
        assert_eq!(talk.go(160, true, true), VISITOR);
        assert_eq!(talk.go(60, true, true), INSIDE);
    }
}
