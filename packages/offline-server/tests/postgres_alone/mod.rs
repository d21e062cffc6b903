//! What only PostgreSQL can do to a server: connections that break, answers that get lost, collisions, other roles.

mod faults;
mod notices;
mod proxy;
mod retention;
mod schema;
