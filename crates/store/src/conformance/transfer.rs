//! Moving whole stores: rows of every kind come back as they went in.

use crate::transfer::{Cell, Kind, Row, TABLES, Table, Transfer};

/// More rows than two small pages.
const ROWS: i64 = 7;
/// Rows in a page when reading back.
const LIMIT: u32 = 3;

/// An invented value: of each kind the ends of its range, texts of several scripts, bytes that are no text.
fn cell(kind: Kind, number: i64, at: i64, in_key: bool) -> Cell {
    let low = u8::try_from(number.rem_euclid(200)).unwrap();
    match kind {
        Kind::Number if in_key => Cell::Int(number),
        Kind::Number => Cell::Int([i64::MIN, -1, 0, 1_767_225_600_000_001, i64::MAX][index(number, 5)]),
        Kind::Small => Cell::Int([0, 1, i64::from(i16::MAX)][index(number, 3)]),
        Kind::Flag => Cell::Int(number.rem_euclid(2)),
        Kind::Text => {
            let word = ["", "قضية – محكمة", "a'b\"c\\d", "z\u{10ffff}\n"][index(number + at, 4)];
            Cell::Text(format!("{word}{number}"))
        }
        Kind::Bytes => Cell::Bytes(vec![0, 0xff, low, 0x27, 0]),
        Kind::Id => Cell::Bytes([vec![low; 15], vec![u8::try_from(at).unwrap()]].concat()),
        Kind::Holder => Cell::Null,
        Kind::HeldUntil => Cell::Int(0),
    }
}

fn index(number: i64, of: i64) -> usize {
    usize::try_from(number.rem_euclid(of)).unwrap()
}

fn rows(table: &Table, nullable: &dyn Fn(&str, &str) -> bool) -> Vec<Row> {
    let row = |number: i64| {
        table.columns.iter().zip(0_i64..).map(move |((name, kind), at)| {
            let absent = (number + at) % 3 == 0 && nullable(table.name, name);
            if absent { Cell::Null } else { cell(*kind, number, at, table.key.contains(name)) }
        })
    };
    (1..=ROWS).map(|number| row(number).collect()).collect()
}

async fn read(store: &dyn Transfer, table: &'static Table) -> Vec<Row> {
    let mut all: Vec<Row> = Vec::new();
    loop {
        let after = all.last().map(|row| table.key_of(row));
        let page = store.dump(table, after.as_deref(), LIMIT).await.unwrap();
        let last = page.len() < usize::try_from(LIMIT).unwrap();
        all.extend(page);
        if last {
            return all;
        }
    }
}

/// Every table takes rows of every kind, and gives them back in the order of their keys. `nullable` says whether a
/// column of a table may have no value.
pub async fn every_table_gives_back_what_it_took(
    store: &dyn Transfer,
    nullable: &(dyn Fn(&str, &str) -> bool + Sync),
) {
    for table in TABLES {
        assert_eq!(store.rows(table).await, Ok(0), "{}", table.name);
        let mut expected = rows(table, nullable);
        store.restore(table, expected.clone()).await.unwrap();
        let found = read(store, table).await;
        // Both databases order numbers, bytes and texts by code point, which is what the port promises.
        expected.sort_by_key(|row| table.key_of(row).into_iter().map(order).collect::<Vec<_>>());
        assert_eq!(found, expected, "{}", table.name);
        assert_eq!(store.rows(table).await, Ok(u64::try_from(ROWS).unwrap()), "{}", table.name);
        // All or none: one key of these is there already.
        let again = vec![expected[0].clone()];
        assert!(store.restore(table, again).await.is_err(), "{} took a row twice", table.name);
    }
}

fn order(cell: Cell) -> (i64, Vec<u8>) {
    match cell {
        Cell::Null => (i64::MIN, Vec::new()),
        Cell::Int(number) => (number, Vec::new()),
        Cell::Text(text) => (0, text.into_bytes()),
        Cell::Bytes(bytes) => (0, bytes),
    }
}

/// A value of another kind than its column is refused before the database sees it.
pub async fn a_value_of_another_kind_is_refused(store: &dyn Transfer) {
    for table in TABLES {
        for at in 0..table.columns.len() {
            let mut row = rows(table, &|_, _| false).swap_remove(0);
            row[at] = match table.columns[at].1 {
                Kind::Text => Cell::Int(1),
                Kind::Number
                | Kind::Small
                | Kind::Flag
                | Kind::Bytes
                | Kind::Id
                | Kind::Holder
                | Kind::HeldUntil => Cell::Text("1".to_owned()),
            };
            let refused = store.restore(table, vec![row]).await.unwrap_err().to_string();
            assert!(refused.contains(table.columns[at].0) && refused.contains("another kind"), "{refused}");
        }
    }
}
