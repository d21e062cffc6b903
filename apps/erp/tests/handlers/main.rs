//! What the commands do, run through the same `execute` as the server's and the overlay's.

#![allow(clippy::unwrap_used, clippy::needless_pass_by_value, reason = "a test ends with its first surprise")]

mod commands_document;
mod corpus;
mod customers;
mod expense_approval;
mod expenses;
mod inventory;
mod invoice_issue;
mod invoices;
mod ledger;
mod products;
mod sales;
mod settings;
mod web;
mod world;
