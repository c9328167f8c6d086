//! What is written can be read, and says what the rows said.

use ::parquet::file::reader::{FileReader as _, SerializedFileReader};

use super::*;

fn columns() -> Vec<Column> {
    [
        ("who", Kind::Text),
        ("images", Kind::Whole),
        ("charged", Kind::Money),
        ("test", Kind::Flag),
        ("at", Kind::Time),
        ("labels", Kind::Text),
    ]
    .map(|(name, kind)| Column::new(name, kind))
    .into()
}

fn rows() -> Vec<Row> {
    vec![
        vec![
            "Acme, \"Ltd\"".into(),
            2_i64.into(),
            40_000_001_i64.into(),
            false.into(),
            1_795_257_119_007_i64.into(),
            r#"{"team":"red"}"#.into(),
        ],
        vec![
            "=cmd()".into(),
            0_i64.into(),
            (-5_000_000_000_i64).into(),
            true.into(),
            0_i64.into(),
            Cell::Nothing,
        ],
        vec![Cell::Nothing; 6],
    ]
}

fn written(form: Form) -> (Vec<u8>, Written) {
    let mut file = Vec::new();
    let mut export = Export::begin(form, columns(), &mut file).unwrap();
    for row in rows() {
        export.write(row).unwrap();
    }
    let written = export.finish().unwrap();
    (file, written)
}

#[test]
fn csv_is_quoted_exact_and_no_formula() {
    let (file, written) = written(Form::Csv);
    let text = String::from_utf8(file).unwrap();
    assert_eq!(
        text,
        "who,images,charged,test,at,labels\n\
         \"Acme, \"\"Ltd\"\"\",2,0.040000001,false,2026-11-21T10:31:59.007Z,\"{\"\"team\"\":\"\"red\"\"}\"\n\
         '=cmd(),0,-5,true,1970-01-01T00:00:00.000Z,\n\
         ,,,,,\n"
    );
    assert_eq!(written.rows, 3);
}

#[test]
fn json_lines_hold_money_as_text_and_labels_as_an_object() {
    let (file, _) = written(Form::JsonLines);
    let lines: Vec<serde_json::Value> = String::from_utf8(file)
        .unwrap()
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect();
    assert_eq!(
        lines[0],
        serde_json::json!({
            "who": "Acme, \"Ltd\"", "images": 2, "charged": "0.040000001", "test": false,
            "at": "2026-11-21T10:31:59.007Z", "labels": { "team": "red" },
        })
    );
    assert_eq!(lines[1]["who"], "=cmd()");
    assert!(lines[2]["who"].is_null());
}

#[test]
fn parquet_is_read_back_with_its_types() {
    let (file, _) = written(Form::Parquet);
    let reader = SerializedFileReader::new(bytes::Bytes::from(file)).unwrap();
    let read: Vec<serde_json::Value> = reader
        .get_row_iter(None)
        .unwrap()
        .map(|row| {
            let row = row.unwrap();
            let cells = row.get_column_iter().map(|(_, field)| field.to_string());
            cells.collect::<Vec<_>>().into()
        })
        .collect();
    assert_eq!(read[0][0], "\"Acme, \"Ltd\"\"");
    assert_eq!((&read[0][2], &read[1][2]), (&"0.040000001".into(), &"-5.000000000".into()));
    assert_eq!(read[2][3], "null");
}

#[test]
fn the_same_rows_give_the_same_bytes() {
    for form in [Form::Csv, Form::JsonLines, Form::Parquet] {
        let (file, said) = written(form);
        assert_eq!((&file, &said), (&written(form).0, &written(form).1));
        assert_eq!(said.digest, format!("{:x}", Sha256::digest(&file)));
    }
}
