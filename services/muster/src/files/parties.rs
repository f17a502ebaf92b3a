//! Who the users of the Reserve are, and the hospitals, in the registry's own field names:
//!
//! ```json
//! {
//!   "authorities": [
//!     { "authority": "csirt-fr", "name": "CSIRT of France", "kind": "csirt", "country": "FR", "spoc": "spoc-fr" }
//!   ],
//!   "hospitals": [
//!     { "hospital": "chu-rouen", "name": "CHU de Rouen", "member_state": "FR", "nuts": "FRD22",
//!       "kind": "university-hospital", "annex": "I", "category": "essential", "size": "large" }
//!   ]
//! }
//! ```

use muster_api::registry::v1::{Authority, Hospital};
use muster_domain::{
    codes::{Country, Nuts},
    kernel::{AuthorityId, HospitalId, SpocId},
    registry::events::{Annex, AuthorityKind, Category, Size},
};

use super::{
    node::Node,
    reading::{At, Reading},
    schema::{
        Shape::{self, List},
        object,
    },
};

const PARTIES: Shape = object! { read authorities: List(&AUTHORITY); read hospitals: List(&HOSPITAL); };

const AUTHORITY: Shape = object! { read authority; read name; read kind; read country; read spoc; };

const HOSPITAL: Shape = object! {
    read hospital;
    read name;
    read member_state;
    read nuts;
    read kind;
    read annex;
    read category;
    read size;
};

/// Users of the Reserve and hospitals, as the registry's own records.
#[derive(Clone, Debug, PartialEq)]
pub struct Parties {
    /// Users of the Reserve.
    pub authorities: Vec<Authority>,
    /// Hospitals.
    pub hospitals: Vec<Hospital>,
}

/// Reads parties.
pub(super) fn read(node: &Node, reading: &mut Reading) -> Parties {
    PARTIES.check(node, "", reading);
    let at = At::new(node, "");
    let authorities = reading.optional_list(&at.field("authorities"));
    let hospitals = reading.optional_list(&at.field("hospitals"));
    Parties {
        authorities: authorities.iter().map(|at| read_authority(at, reading)).collect(),
        hospitals: hospitals.iter().map(|at| read_hospital(at, reading)).collect(),
    }
}

fn read_authority(at: &At<'_>, reading: &mut Reading) -> Authority {
    reading.object(at);
    Authority {
        authority: text(reading.parsed(&at.field("authority"), AuthorityId::parse)),
        name: text(reading.text(&at.field("name"))),
        kind: text(reading.parsed(&at.field("kind"), AuthorityKind::parse)),
        country: text(reading.optional(&at.field("country"), Country::parse)),
        spoc: text(reading.optional(&at.field("spoc"), SpocId::parse)),
    }
}

fn read_hospital(at: &At<'_>, reading: &mut Reading) -> Hospital {
    reading.object(at);
    Hospital {
        hospital: text(reading.parsed(&at.field("hospital"), HospitalId::parse)),
        name: text(reading.text(&at.field("name"))),
        member_state: text(reading.parsed(&at.field("member_state"), Country::parse)),
        nuts: text(reading.parsed(&at.field("nuts"), Nuts::parse)),
        kind: text(reading.optional_text(&at.field("kind"))),
        annex: text(reading.optional(&at.field("annex"), Annex::parse).or(Some(Annex::Unknown))),
        category: text(reading.optional(&at.field("category"), Category::parse).or(Some(Category::Unknown))),
        size: text(reading.optional(&at.field("size"), Size::parse).or(Some(Size::Unknown))),
    }
}

fn text(read: Option<impl ToString>) -> String {
    read.map(|read| read.to_string()).unwrap_or_default()
}
