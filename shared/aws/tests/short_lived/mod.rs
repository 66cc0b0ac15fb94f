//! STS, DynamoDB and S3 as far as credentials go: sessions are counted, end and can be revoked; whoever calls with one
//! that has ended is turned away.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant, SystemTime};

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use serde_json::{Value, json};

/// Bytes of a part of the object that there is.
pub(crate) const PART: usize = 1 << 20;

#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// Sessions that were given.
    pub(crate) assumed: usize,
    /// Calls that were turned away because their session had ended.
    pub(crate) turned_away: usize,
    /// Where pages of the scan began, in order.
    pub(crate) pages: Vec<u64>,
    /// Statements that inserted something.
    pub(crate) inserted: usize,
    /// Items that were put.
    pub(crate) put: usize,
    /// Numbers of parts that were taken.
    pub(crate) parts: Vec<String>,
    /// Uploads that were begun.
    pub(crate) uploads: usize,
    /// STS gives no session any more.
    pub(crate) closed: bool,
    ends: HashMap<String, Instant>,
}

pub(crate) struct Server {
    address: SocketAddr,
    seen: Arc<Mutex<Seen>>,
}

struct Request {
    line: String,
    headers: HashMap<String, String>,
    body: Vec<u8>,
}

impl Server {
    /// Sessions last for `life`; a scan has `pages` of two items, each of which takes `slow`, as does a part of an object.
    pub(crate) fn new(life: Duration, pages: u64, slow: Duration) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let seen: Arc<Mutex<Seen>> = Arc::default();
        let server = seen.clone();
        std::thread::spawn(move || {
            while let Ok((connection, _)) = listener.accept() {
                let seen = server.clone();
                std::thread::spawn(move || {
                    let Some(request) = read(&connection) else { return };
                    let (status, kind, body) = answer(&seen, &request, life, pages, slow);
                    reply(connection, status, kind, &body);
                });
            }
        });
        Server { address, seen }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap()
    }

    /// All sessions that were given end now, which nobody is told.
    pub(crate) fn revoke(&self) {
        self.seen().ends.values_mut().for_each(|end| *end = Instant::now());
    }
}

type Answer = (u16, &'static str, Vec<u8>);

const XML: &str = "application/xml";
const JSON: &str = "application/x-amz-json-1.0";

fn xml(status: u16, text: &str) -> Answer {
    (status, XML, text.as_bytes().to_vec())
}

fn answer(seen: &Mutex<Seen>, request: &Request, life: Duration, pages: u64, slow: Duration) -> Answer {
    if request.body.starts_with(b"Action=AssumeRole") {
        return assume(&mut seen.lock().unwrap(), life);
    }
    let target = request.headers.get("x-amz-target").map(String::as_str);
    if has_ended(&mut seen.lock().unwrap(), request) {
        return match target {
            Some(_) => (
                400,
                JSON,
                br#"{"__type":"com.amazon.coral.service#ExpiredTokenException","message":"expired"}"#.to_vec(),
            ),
            None => xml(400, "<Error><Code>ExpiredToken</Code><Message>expired</Message></Error>"),
        };
    }
    match target.and_then(|target| target.split_once('.')) {
        Some((_, operation)) => {
            let input: Value = serde_json::from_slice(&request.body).unwrap();
            if operation == "Scan" {
                std::thread::sleep(slow);
            }
            (200, JSON, table(&mut seen.lock().unwrap(), operation, &input, pages).to_string().into_bytes())
        }
        None => object(seen, &request.line, slow),
    }
}

fn assume(seen: &mut Seen, life: Duration) -> Answer {
    if seen.closed {
        return xml(
            403,
            "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>",
        );
    }
    seen.assumed += 1;
    let id = format!("PEER{}", seen.assumed);
    seen.ends.insert(id.clone(), Instant::now() + life);
    let end = DateTime::from(SystemTime::now() + life).fmt(Format::DateTime).unwrap();
    xml(
        200,
        &format!(
            "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>{id}</AccessKeyId><SecretAccessKey>x\
             </SecretAccessKey><SessionToken>t</SessionToken><Expiration>{end}</Expiration></Credentials>\
             </AssumeRoleResult></AssumeRoleResponse>"
        ),
    )
}

fn has_ended(seen: &mut Seen, request: &Request) -> bool {
    let authorization = request.headers.get("authorization").map(String::as_str).unwrap_or_default();
    let (_, scope) = authorization.split_once("Credential=").unwrap_or_default();
    let id = scope.split('/').next().unwrap_or_default();
    let ended = seen.ends.get(id).is_some_and(|end| Instant::now() >= *end);
    seen.turned_away += usize::from(ended);
    ended
}

fn table(seen: &mut Seen, operation: &str, input: &Value, pages: u64) -> Value {
    match operation {
        "DescribeTable" => json!({"Table": {"KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}]}}),
        "Scan" => {
            let page: u64 =
                input["ExclusiveStartKey"]["pk"]["S"].as_str().map_or(0, |key| key.parse::<u64>().unwrap() + 1);
            seen.pages.push(page);
            let key = json!({"pk": {"S": page.to_string()}});
            let second = json!({"pk": {"S": format!("{page}+")}});
            let mut answer = json!({"Items": [key, second], "Count": 2});
            if page + 1 < pages {
                answer["LastEvaluatedKey"] = key;
            }
            answer
        }
        "BatchExecuteStatement" => {
            let statements = input["Statements"].as_array().unwrap();
            seen.inserted += statements.len();
            json!({"Responses": vec![json!({}); statements.len()]})
        }
        _ => {
            seen.put += 1;
            json!({})
        }
    }
}

fn object(seen: &Mutex<Seen>, line: &str, slow: Duration) -> Answer {
    let text = |text: &str| xml(200, text);
    if line.starts_with("GET") {
        return (206, "application/octet-stream", vec![7; PART]);
    }
    if line.starts_with("PUT") {
        std::thread::sleep(slow);
        let number =
            line.split("partNumber=").nth(1).and_then(|rest| rest.split(['&', ' ']).next()).unwrap_or_default();
        seen.lock().unwrap().parts.push(number.to_owned());
        return text("");
    }
    if line.contains("uploads") {
        seen.lock().unwrap().uploads += 1;
        return text("<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>");
    }
    text("<CompleteMultipartUploadResult><ETag>\"whole\"</ETag></CompleteMultipartUploadResult>")
}

fn read(connection: &TcpStream) -> Option<Request> {
    let mut reader = BufReader::new(connection);
    let (mut line, mut headers) = (String::new(), HashMap::new());
    reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok().filter(|read| *read > 0)?;
        let Some((name, value)) = header.trim().split_once(':') else { break };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    if headers.contains_key("expect") {
        (&mut &*connection).write_all(b"HTTP/1.1 100 Continue\r\n\r\n").ok()?;
    }
    let length = headers.get("content-length").and_then(|text| text.parse().ok()).unwrap_or_default();
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Request { line, headers, body })
}

fn reply(mut connection: TcpStream, status: u16, kind: &str, body: &[u8]) {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status} x\r\ncontent-type: {kind}\r\netag: \"e\"\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n"
    );
    let _ = connection.write_all(head.as_bytes()).and_then(|()| connection.write_all(body));
}
