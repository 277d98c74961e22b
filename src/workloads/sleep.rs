//! `sleep`: does nothing, for a while or until it is asked to end.

use std::{sync::Arc, time::Duration};

use futures::future::{BoxFuture, FutureExt as _, pending};

use crate::{
    host::{ExitStatus, Host, Output},
    host_println,
};

/// Runs `sleep DURATION...`: seconds, or a number with `s`, `m`, `h` or `d`, or `infinity`. Several add up.
pub fn program(host: Arc<dyn Host>, arguments: Vec<String>) -> BoxFuture<'static, ExitStatus> {
    async move {
        let duration = match duration(&arguments) {
            Ok(duration) => duration,
            Err(message) => {
                host_println!(host, Output::Stderr, "sleep: {message}");
                return ExitStatus::FAILURE;
            }
        };
        let asleep = async {
            match duration {
                Some(duration) => tokio::time::sleep(duration).await,
                None => pending().await,
            }
        };
        tokio::select! {
            () = asleep => {}
            () = host.shutdown().cancelled_owned() => {}
        }
        ExitStatus::SUCCESS
    }
    .boxed()
}

/// How long to sleep; `None` is for ever.
fn duration(arguments: &[String]) -> Result<Option<Duration>, String> {
    if arguments.is_empty() {
        return Err("missing operand".to_owned());
    }
    let mut sum = Some(Duration::ZERO);
    for argument in arguments {
        let one = parse(argument).ok_or_else(|| format!("invalid time interval '{argument}'"))?;
        // What does not fit is as good as for ever.
        sum = sum.zip(one).and_then(|(sum, one)| sum.checked_add(one));
    }
    Ok(sum)
}

#[expect(clippy::option_option, reason = "no interval at all, or one that has no end")]
fn parse(argument: &str) -> Option<Option<Duration>> {
    if matches!(argument, "infinity" | "inf") {
        return Some(None);
    }
    let (number, factor) = match argument.char_indices().next_back()? {
        (end, 's') => (&argument[..end], 1.0),
        (end, 'm') => (&argument[..end], 60.0),
        (end, 'h') => (&argument[..end], 3600.0),
        (end, 'd') => (&argument[..end], 86400.0),
        _ => (argument, 1.0),
    };
    let seconds = number.parse::<f64>().ok().filter(|seconds| *seconds >= 0.0)? * factor;
    Some(Duration::try_from_secs_f64(seconds).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals() {
        let seconds = |text: &str| {
            let arguments: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
            duration(&arguments).map(|duration| duration.map(|duration| duration.as_secs_f64()))
        };
        assert_eq!(seconds("5"), Ok(Some(5.0)));
        assert_eq!(seconds("0.5 1m 1h"), Ok(Some(3660.5)));
        assert_eq!(seconds("infinity"), Ok(None));
        assert_eq!(seconds("1 inf"), Ok(None));
        assert_eq!(seconds("1e300"), Ok(None));
        assert_eq!(seconds(""), Err("missing operand".to_owned()));
        assert_eq!(seconds("-1"), Err("invalid time interval '-1'".to_owned()));
        assert_eq!(seconds("1x"), Err("invalid time interval '1x'".to_owned()));
    }
}
