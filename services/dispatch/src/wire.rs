//! `muster.dispatch.v1` ⇄ domain: what each call that changes something asks of the desk, and how another process is asked the
//! same.

use muster_api::{
    dispatch::v1::{
        AcceptOfferRequest, AcceptOfferResponse, CompleteEngagementRequest, CompleteEngagementResponse,
        DeclineOfferRequest, DeclineOfferResponse, ExtendEngagementRequest, ExtendEngagementResponse,
        FailEngagementRequest, FailEngagementResponse, GiveUpPackageRequest, GiveUpPackageResponse, MarkSeenRequest,
        MarkSeenResponse, ReleaseEngagementRequest, ReleaseEngagementResponse, ReopenPackageRequest,
        ReopenPackageResponse, ReportDaysRequest, ReportDaysResponse, ReportStageRequest, ReportStageResponse,
        RescindOfferRequest, RescindOfferResponse, dispatch_service_client::DispatchServiceClient,
    },
    r#type::v1::Position,
};
use muster_domain::{
    dispatch::{
        desk::Command,
        events::{DeclineReason, Stage},
    },
    kernel::{OfferId, PackageId, ProviderId},
};
use muster_edge::{Answer, wire::fields::Fields};
use muster_runtime::access::Action;
use tonic::{Request, transport::Channel};

/// What a call is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum About {
    /// An offer, or the engagement of the same id.
    Offer(OfferId),
    /// A package.
    Package(PackageId),
}

impl About {
    /// Its kind and its id.
    pub fn named(&self) -> (&'static str, &str) {
        match self {
            Self::Offer(offer) => ("offer", offer.as_str()),
            Self::Package(package) => ("package", package.as_str()),
        }
    }
}

/// What a call is about, and what the desk is asked.
type Asked = Option<(About, Command)>;

/// A message that asks something of the desk.
pub trait Ask: prost::Message + Clone + 'static {
    /// Its answer.
    type Answer: Send + 'static;

    /// The call.
    const ACTION: Action;

    /// What makes the command repeatable.
    fn request_id(&self) -> &str;

    /// Reads it as a command of the provider that calls, if a provider may; what is wrong is put into `fields`.
    fn read(&self, by: ProviderId, fields: &mut Fields) -> Option<(About, Command)>;

    /// Its answer: from where on it holds.
    fn answer(position: Position) -> Self::Answer;

    /// Sends it to another process.
    fn send(
        call: Request<Self>,
        to: DispatchServiceClient<Channel>,
    ) -> impl Future<Output = Answer<Self::Answer>> + Send;
}

/// Declares the messages that ask something of the desk: call, message, answer, and the function that reads it.
macro_rules! asks {
    ($($action:ident $rpc:ident: $message:ident => $answer:ident { position $(, $more:ident: $none:expr)? } by $read:ident;)*) => {$(
        impl Ask for $message {
            type Answer = $answer;

            const ACTION: Action = Action::$action;

            fn request_id(&self) -> &str {
                &self.request_id
            }

            fn read(&self, by: ProviderId, fields: &mut Fields) -> Option<(About, Command)> {
                $read(self, by, fields)
            }

            fn answer(position: Position) -> $answer {
                $answer { position: Some(position) $(, $more: $none)? }
            }

            async fn send(call: Request<Self>, mut to: DispatchServiceClient<Channel>) -> Answer<$answer> {
                to.$rpc(call).await
            }
        }
    )*};
}

asks! {
    MarkSeen mark_seen: MarkSeenRequest => MarkSeenResponse { position } by see;
    AcceptOffer accept_offer: AcceptOfferRequest => AcceptOfferResponse { position, engagement: None } by accept;
    DeclineOffer decline_offer: DeclineOfferRequest => DeclineOfferResponse { position } by decline;
    RescindOffer rescind_offer: RescindOfferRequest => RescindOfferResponse { position } by rescind;
    ReportStage report_stage: ReportStageRequest => ReportStageResponse { position } by reach_stage;
    ReportDays report_days: ReportDaysRequest => ReportDaysResponse { position } by report_days;
    ExtendEngagement extend_engagement: ExtendEngagementRequest => ExtendEngagementResponse { position } by extend;
    CompleteEngagement complete_engagement:
        CompleteEngagementRequest => CompleteEngagementResponse { position } by complete;
    FailEngagement fail_engagement: FailEngagementRequest => FailEngagementResponse { position } by fail;
    ReleaseEngagement release_engagement: ReleaseEngagementRequest => ReleaseEngagementResponse { position } by release;
    ReopenPackage reopen_package: ReopenPackageRequest => ReopenPackageResponse { position } by reopen;
    GiveUpPackage give_up_package: GiveUpPackageRequest => GiveUpPackageResponse { position } by give_up;
}

/// What is asked of an offer, or of the engagement of the same id.
fn of_offer(fields: &mut Fields, offer: &str, command: impl FnOnce(OfferId) -> Option<Command>) -> Asked {
    let offer = fields.parsed("offer", offer, OfferId::parse)?;
    Some((About::Offer(offer.clone()), command(offer)?))
}

/// What is asked of a package.
fn of_package(fields: &mut Fields, package: &str, command: impl FnOnce(PackageId) -> Command) -> Asked {
    let package = fields.parsed("package", package, PackageId::parse)?;
    Some((About::Package(package.clone()), command(package)))
}

fn see(message: &MarkSeenRequest, by: ProviderId, fields: &mut Fields) -> Asked {
    of_offer(fields, &message.offer, |offer| Some(Command::See { offer, by }))
}

fn accept(message: &AcceptOfferRequest, by: ProviderId, fields: &mut Fields) -> Asked {
    of_offer(fields, &message.offer, |offer| Some(Command::Accept { offer, by }))
}

fn decline(message: &DeclineOfferRequest, by: ProviderId, fields: &mut Fields) -> Asked {
    let reason = fields.parsed("reason", &message.reason, DeclineReason::parse);
    let note = message.note.clone();
    of_offer(fields, &message.offer, |offer| Some(Command::Decline { offer, by, reason: reason?, note }))
}

fn rescind(message: &RescindOfferRequest, _: ProviderId, fields: &mut Fields) -> Asked {
    of_offer(fields, &message.offer, |offer| Some(Command::Rescind { offer, note: message.note.clone() }))
}

fn reach_stage(message: &ReportStageRequest, by: ProviderId, fields: &mut Fields) -> Asked {
    let stage = fields.parsed("stage", &message.stage, Stage::parse);
    of_offer(fields, &message.offer, |offer| Some(Command::ReachStage { offer, by, stage: stage? }))
}

fn report_days(message: &ReportDaysRequest, by: ProviderId, fields: &mut Fields) -> Asked {
    let days_used = message.days_used;
    of_offer(fields, &message.offer, |offer| Some(Command::ReportDays { offer, by, days_used }))
}

fn extend(message: &ExtendEngagementRequest, _: ProviderId, fields: &mut Fields) -> Asked {
    let (ends_at, person_days) = (fields.time("ends_at", message.ends_at), message.person_days);
    of_offer(fields, &message.offer, |offer| Some(Command::Extend { offer, ends_at: ends_at?, person_days }))
}

fn complete(message: &CompleteEngagementRequest, by: ProviderId, fields: &mut Fields) -> Asked {
    let days_used = message.days_used;
    of_offer(fields, &message.offer, |offer| Some(Command::Complete { offer, by, days_used }))
}

fn fail(message: &FailEngagementRequest, by: ProviderId, fields: &mut Fields) -> Asked {
    let (note, days_used) = (message.note.clone(), message.days_used);
    of_offer(fields, &message.offer, |offer| Some(Command::Fail { offer, by, note, days_used }))
}

fn release(message: &ReleaseEngagementRequest, _: ProviderId, fields: &mut Fields) -> Asked {
    of_offer(fields, &message.offer, |offer| Some(Command::Release { offer, note: message.note.clone() }))
}

fn reopen(message: &ReopenPackageRequest, _: ProviderId, fields: &mut Fields) -> Asked {
    of_package(fields, &message.package, |package| Command::Reopen { package, note: message.note.clone() })
}

fn give_up(message: &GiveUpPackageRequest, _: ProviderId, fields: &mut Fields) -> Asked {
    of_package(fields, &message.package, |package| Command::GiveUp { package, note: message.note.clone() })
}
