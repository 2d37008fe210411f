//! At most so many requests a second to the API server, where somebody asks for that. Without it nothing limits us but the server's
//! own fairness. Requests wait in the order in which they came; none is refused.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::time::{Instant, Sleep, sleep_until};
use tower::{Layer, Service};

/// How many requests a second, and how many at once after a rest.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limit {
    /// The time that one request takes up.
    each: Duration,
    /// How far requests may run ahead of that.
    ahead: Duration,
}

impl Limit {
    /// `None` where the rate is no rate: then nothing is limited.
    pub fn of(per_second: f64, at_once: u32) -> Option<Self> {
        let each = Duration::try_from_secs_f64(1.0 / per_second).ok().filter(|each| !each.is_zero())?;
        Some(Self { each, ahead: each.saturating_mul(at_once.saturating_sub(1)) })
    }
}

impl<S> Layer<S> for Limit {
    type Service = Limited<S>;

    fn layer(&self, inner: S) -> Limited<S> {
        Limited { inner, limit: *self, taken_until: None, waiting: None }
    }
}

/// A service that lets requests through at a rate.
#[derive(Debug)]
pub struct Limited<S> {
    inner: S,
    limit: Limit,
    /// Until when the requests so far take up all of the time.
    taken_until: Option<Instant>,
    waiting: Option<Pin<Box<Sleep>>>,
}

impl<S: Service<R>, R> Service<R> for Limited<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        let free_at = self.taken_until.and_then(|until| until.checked_sub(self.limit.ahead));
        if let Some(free_at) = free_at.filter(|free_at| *free_at > Instant::now()) {
            let waiting = self.waiting.get_or_insert_with(|| Box::pin(sleep_until(free_at)));
            ready!(waiting.as_mut().poll(context));
        }
        self.waiting = None;
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: R) -> S::Future {
        let now = Instant::now();
        self.taken_until = Some(self.taken_until.map_or(now, |until| until.max(now)) + self.limit.each);
        self.inner.call(request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tower::{ServiceExt, service_fn};

    #[tokio::test(start_paused = true)]
    async fn requests_pass_at_once_after_a_rest_and_then_at_the_rate() {
        let limit = Limit::of(10.0, 3).expect("a rate");
        let mut service = limit.layer(service_fn(|(): ()| async { Ok::<_, std::convert::Infallible>(Instant::now()) }));
        let start = Instant::now();
        let mut times = Vec::new();
        for number in 0..7 {
            if number == 5 {
                tokio::time::advance(Duration::from_millis(150)).await;
            }
            let at = service.ready().await.expect("is ready").call(()).await.expect("answers");
            times.push((at - start).as_millis());
        }
        // Tokio's clock ticks in milliseconds, and rounds up.
        for (time, expected) in times.iter().zip([0, 0, 0, 100, 200, 350, 400]) {
            assert!(time.abs_diff(expected) <= 1, "{times:?}");
        }
    }

    #[test]
    fn what_is_no_rate_limits_nothing() {
        for per_second in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert_eq!(Limit::of(per_second, 5), None, "{per_second}");
        }
    }
}
