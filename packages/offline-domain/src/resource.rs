/// The REST face of one kind of record: which requests stand for which commands. What a command means does not depend on the way it came.
///
/// ```
/// use offline_domain::Resource;
///
/// let expenses = Resource::new("expenses", "expense", "expenseId")
///     .create("EXPENSE_CREATE_V1")             // POST  /workspaces/{workspace}/expenses
///     .update("EXPENSE_UPDATE_V1")             // PATCH /workspaces/{workspace}/expenses/{id}
///     .action("submit", "EXPENSE_SUBMIT_V1");  // POST  /workspaces/{workspace}/expenses/{id}/submit
/// assert_eq!(expenses.operations.len(), 3);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    /// Its segment of the path, in the plural.
    pub path: &'static str,
    /// The kind of its records, which `GET` shows.
    pub kind: &'static str,
    /// The field of the payloads that holds the record's id. Where the path names the record, the id of the path is put there.
    pub id: &'static str,
    /// The writes.
    pub operations: Vec<Operation>,
}

/// One write of a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Operation {
    /// The request.
    pub verb: Verb,
    /// The command that it stands for.
    pub command_type: &'static str,
}

/// How a write is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// `POST` to the collection; the payload names the new record.
    Create,
    /// `PATCH` of the record.
    Update,
    /// `PUT` of the record.
    Replace,
    /// `DELETE` of the record.
    Delete,
    /// `POST` to this segment below the record.
    Action(&'static str),
}

impl Resource {
    /// A resource that can be read.
    pub const fn new(path: &'static str, kind: &'static str, id: &'static str) -> Self {
        Self { path, kind, id, operations: Vec::new() }
    }

    /// `POST` to the collection.
    #[must_use]
    pub fn create(self, command_type: &'static str) -> Self {
        self.with(Verb::Create, command_type)
    }

    /// `PATCH` of a record.
    #[must_use]
    pub fn update(self, command_type: &'static str) -> Self {
        self.with(Verb::Update, command_type)
    }

    /// `PUT` of a record.
    #[must_use]
    pub fn replace(self, command_type: &'static str) -> Self {
        self.with(Verb::Replace, command_type)
    }

    /// `DELETE` of a record.
    #[must_use]
    pub fn delete(self, command_type: &'static str) -> Self {
        self.with(Verb::Delete, command_type)
    }

    /// `POST` to `name` below a record.
    #[must_use]
    pub fn action(self, name: &'static str, command_type: &'static str) -> Self {
        self.with(Verb::Action(name), command_type)
    }

    fn with(mut self, verb: Verb, command_type: &'static str) -> Self {
        self.operations.push(Operation { verb, command_type });
        self
    }
}
