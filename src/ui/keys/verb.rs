//! What a key does. The word action belongs to the five triage actions.

use serde::Deserialize;

use crate::env::schema::Action;

/// Everything a key can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verb {
    ChooseDismiss,
    ChooseMonitor,
    ChooseQuarantineHost,
    ChooseBlockIp,
    ChooseEscalate,
    Mark,
    Submit,
    Reveal,
    NextAlert,
    PreviousAlert,
    NextStage,
    PreviousStage,
    NextAdapter,
    PreviousAdapter,
    NextMismatch,
    ToggleBlind,
    AskAgain,
    ToggleCompare,
    NextCompared,
    ShowAdapters,
    NextOrder,
    PreviousOrder,
    ShowGroups,
    ShowThreeWay,
    OpenDetail,
    EditField,
    DropWhatIf,
    ClearTyped,
    LetterLeft,
    LetterRight,
    WordLeft,
    WordRight,
    LineStart,
    LineEnd,
    EraseLeft,
    EraseRight,
    EraseWord,
    EraseRest,
    NextLine,
    PreviousLine,
    OnlyValue,
    ExcludeValue,
    Defang,
    Undo,
    Redo,
    StartTraining,
    PauseOrResume,
    StopTraining,
    SaveCheckpoint,
    SkipStage,
    ToggleSmoothing,
    ToggleRun,
    PreviousGroup,
    NextGroup,
    NextPage,
    PreviousPage,
    CursorLeft,
    CursorRight,
    ZoomIn,
    ZoomOut,
    ZoomAll,
    PanLeft,
    PanRight,
    ToggleFollow,
    ToggleLog,
    ToggleFit,
    NextAxis,
    ToggleAlone,
    ShowRollouts,
    GoToStep,
    NextPane,
    PreviousPane,
    Down,
    Up,
    Top,
    Bottom,
    HalfDown,
    HalfUp,
    Search,
    NextMatch,
    PreviousMatch,
    Copy,
    ShowEpisodes,
    ShowTraining,
    ShowRuns,
    ShowAttacker,
    NextTheme,
    OpenRun,
    MarkRun,
    PinRun,
    DeleteRun,
    EditNote,
    ExportRun,
    ExportLabels,
    ChooseFormat,
    ListRuns,
    ShowLabelling,
    AcceptAnswer,
    SkipAlert,
    DiscardAlert,
    FlagAlert,
    EditRationale,
    WriteNote,
    OpenEditor,
    NextPending,
    LabelAlert,
    ToggleSplit,
    ToggleGenerated,
    ShowGuidelines,
    ShowAgreement,
    ListDisagreements,
    Palette,
    Help,
    Quit,
    Confirm,
    NewRun,
    EditSetting,
    ResetSetting,
    ContinueRun,
    LeaveRunning,
    StopAndQuit,
    Back,
    Interrupt,
    Suspend,
    Redraw,
}

impl Verb {
    /// Its name as words: `next mismatch`.
    #[must_use]
    pub fn words(self) -> String {
        spelled(self, ' ')
    }

    /// Its name in key tables: `next_mismatch`.
    #[must_use]
    pub fn name(self) -> String {
        spelled(self, '_')
    }

    /// Whether it moves a cursor.
    #[must_use]
    pub const fn is_movement(self) -> bool {
        matches!(
            self,
            Verb::Down | Verb::Up | Verb::HalfDown | Verb::HalfUp | Verb::Top | Verb::Bottom
        )
    }

    /// The triage action this verb decides for.
    #[must_use]
    pub const fn chosen_action(self) -> Option<Action> {
        match self {
            Verb::ChooseDismiss => Some(Action::Dismiss),
            Verb::ChooseMonitor => Some(Action::Monitor),
            Verb::ChooseQuarantineHost => Some(Action::QuarantineHost),
            Verb::ChooseBlockIp => Some(Action::BlockIp),
            Verb::ChooseEscalate => Some(Action::Escalate),
            _ => None,
        }
    }
}

/// The name of a variant in small letters, its words `apart`: as key tables spell it, and people.
pub(super) fn spelled(variant: impl std::fmt::Debug, apart: char) -> String {
    let mut spelled = String::new();
    for c in format!("{variant:?}").chars() {
        if c.is_uppercase() && !spelled.is_empty() {
            spelled.push(apart);
        }
        spelled.extend(c.to_lowercase());
    }
    spelled
}
