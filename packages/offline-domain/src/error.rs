use offline_protocol::{CommandType, FieldError, Part, Problem, ProblemCode, ValueError, joined};

/// Why a command was refused before anything was stored or executed.
///
/// The client says so at `enqueue`, the server in the outcome; both with the same code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// The type's name is malformed: it must end in `_Vn`.
    InvalidType(ValueError),
    /// The type is well-formed but not registered.
    UnknownType(CommandType),
    /// The payload does not fit its type.
    InvalidPayload {
        /// The type it was checked against.
        command_type: CommandType,
        /// What is wrong with which field; at least one.
        errors: Vec<FieldError>,
    },
}

impl Part for CommandError {
    fn add_to(&self, text: &mut String) {
        match self {
            Self::InvalidType(error) => *text += &joined!["the command type is not a valid name: ", error],
            Self::UnknownType(name) => *text += &joined!["the command type ", name, " is not known"],
            Self::InvalidPayload { command_type, errors } => {
                *text += &joined!["the payload of ", command_type, " is not valid ("];
                for (place, error) in errors.iter().enumerate() {
                    let between = if place > 0 { "; " } else { "" };
                    *text += &joined![between, error.pointer, ": ", error.message];
                }
                text.push(')');
            }
        }
    }
}

impl std::fmt::Display for CommandError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&joined![self])
    }
}

impl CommandError {
    /// The stable code.
    pub const fn code(&self) -> ProblemCode {
        match self {
            Self::InvalidType(_) => ProblemCode::InvalidCommandType,
            Self::UnknownType(_) => ProblemCode::UnknownCommandType,
            Self::InvalidPayload { .. } => ProblemCode::InvalidPayload,
        }
    }

    /// The same as problem details.
    pub fn into_problem(self) -> Problem {
        let code = self.code();
        match self {
            Self::InvalidType(error) => {
                Problem::new(code, 422, "The command type is not a valid name").with_detail(error.to_string())
            }
            Self::UnknownType(command_type) => {
                Problem::new(code, 422, "The command type is not known").with_detail(command_type.to_string())
            }
            Self::InvalidPayload { command_type, errors } => {
                Problem::new(code, 422, "The payload does not fit its type")
                    .with_detail(command_type.to_string())
                    .with_errors(errors)
            }
        }
    }
}

/// Why a registry could not be built. An error of the program, found at its start.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RegistryError {
    /// A handler's `TYPE` is not a valid name.
    #[error("{name:?} is not a command type: {source}")]
    InvalidType {
        /// What the handler calls itself.
        name: &'static str,
        /// The rule.
        source: ValueError,
    },
    /// Two handlers or upcasters for one type.
    #[error("{0} is registered twice")]
    Duplicate(CommandType),
    /// An upcaster leads to a type without a handler, to another family, or not to a newer version.
    #[error("the upcaster from {from} must lead to a newer version of the same type that has a handler")]
    Upcast {
        /// The old type.
        from: CommandType,
    },
}
