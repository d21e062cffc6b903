use offline_domain::{Context, Execution, Record, Records, execute};
use offline_protocol::{
    CommandId, ProblemCode, RecordId, RecordKey, RecordKind, Timestamp, UserId, Version, WorkspaceId,
};
use serde_json::Value;

/// The records of one workspace, as the commands of its users leave them.
#[derive(Default, Clone)]
pub(crate) struct World(pub(crate) Records);

/// A pointer and a code.
pub(crate) type Errors = Vec<(String, String)>;

pub(crate) fn errors(all: &[(&str, &str)]) -> Errors {
    all.iter().map(|(pointer, code)| ((*pointer).to_owned(), (*code).to_owned())).collect()
}

pub(crate) fn key(kind: &str, id: &str) -> RecordKey {
    RecordKey::new(RecordKind::new(kind).unwrap(), RecordId::new(id).unwrap())
}

pub(crate) fn context(user: &str) -> Context {
    Context {
        workspace_id: WorkspaceId::new("acme").unwrap(),
        user_id: UserId::new(user).unwrap(),
        command_id: CommandId::from_uuid(uuid::Uuid::nil()),
        created_at: Timestamp::EPOCH,
    }
}

/// What is wrong with a payload by itself.
pub(crate) fn misfits(command_type: &str, payload: &Value) -> Errors {
    let refused = erp::registry().prepare_named(command_type, payload).unwrap_err().into_problem();
    assert_eq!(refused.code, ProblemCode::InvalidPayload);
    refused.errors.into_iter().map(|error| (error.pointer, error.code)).collect()
}

impl World {
    /// Runs a command of Ana's against the version that its first record has now.
    pub(crate) fn run(&mut self, command_type: &str, payload: &Value) -> Execution {
        self.run_as("ana", command_type, payload)
    }

    pub(crate) fn run_as(&mut self, user: &str, command_type: &str, payload: &Value) -> Execution {
        let (_, prepared) = erp::registry().prepare_named(command_type, payload).unwrap();
        let expected = self.0.version(&prepared.touches()[0].key);
        self.run_expecting(user, command_type, payload, Some(expected))
    }

    pub(crate) fn run_expecting(
        &mut self,
        user: &str,
        command_type: &str,
        payload: &Value,
        expected: Option<Version>,
    ) -> Execution {
        let (_, prepared) = erp::registry().prepare_named(command_type, payload).unwrap();
        let context = context(user);
        let execution = execute(&prepared, &context, &self.0, expected);
        if let Execution::Applied(effect) = &execution {
            for write in &effect.writes {
                self.put(write.key.clone(), write.data.clone());
            }
        }
        execution
    }

    pub(crate) fn put(&mut self, key: RecordKey, data: Option<Value>) {
        let version = self.0.version(&key).next();
        let updated_by = UserId::new("ana").unwrap();
        self.0.insert(key, Record { version, data, updated_by, updated_at: Timestamp::EPOCH });
    }

    /// Runs it and sees that it takes effect; the result.
    pub(crate) fn apply(&mut self, command_type: &str, payload: &Value) -> Value {
        self.apply_as("ana", command_type, payload)
    }

    pub(crate) fn apply_as(&mut self, user: &str, command_type: &str, payload: &Value) -> Value {
        match self.run_as(user, command_type, payload) {
            Execution::Applied(effect) => effect.result,
            Execution::Rejected(problem) => panic!("{command_type} was rejected: {problem:?}"),
            Execution::Conflict { reason, key, .. } => panic!("{command_type}: {reason:?} on {key}"),
        }
    }

    /// Runs it and sees that a rule refuses it: the title and the errors.
    pub(crate) fn refused(&mut self, command_type: &str, payload: &Value) -> (String, Errors) {
        self.refused_as("ana", command_type, payload)
    }

    pub(crate) fn refused_as(&mut self, user: &str, command_type: &str, payload: &Value) -> (String, Errors) {
        let Execution::Rejected(problem) = self.run_as(user, command_type, payload) else {
            panic!("{command_type} was not refused")
        };
        assert_eq!(problem.code, ProblemCode::RuleViolated, "{command_type}");
        let errors = problem.errors.into_iter().map(|error| (error.pointer, error.code)).collect();
        (problem.title, errors)
    }

    /// Runs it and sees that it misses a record: the kind of that record.
    pub(crate) fn missing(&mut self, command_type: &str, payload: &Value) -> String {
        let Execution::Rejected(problem) = self.run(command_type, payload) else {
            panic!("{command_type} was not refused")
        };
        assert_eq!(problem.code, ProblemCode::RecordNotFound, "{command_type}");
        problem.detail.unwrap()
    }

    pub(crate) fn data(&self, kind: &str, id: &str) -> &Value {
        self.0.data(&key(kind, id)).unwrap()
    }

    /// A workspace with a customer `c1` and the products `p1` and `p2`.
    pub(crate) fn with_master_data() -> Self {
        let mut world = Self::default();
        world.apply("CUSTOMER_CREATE_V1", &serde_json::json!({ "customerId": "c1", "name": "Globex" }));
        for product in ["p1", "p2"] {
            world.apply("PRODUCT_CREATE_V1", &product_payload(product, &format!("sku-{product}")));
        }
        world
    }
}

pub(crate) fn product_payload(id: &str, sku: &str) -> Value {
    serde_json::json!({ "productId": id, "sku": sku, "name": "Lamp", "unit": "piece", "taxRateBp": 1900 })
}
