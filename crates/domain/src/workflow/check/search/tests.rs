//! The searches, held against the worked example, seeded mistakes, random files and a naive second search.

mod example;
