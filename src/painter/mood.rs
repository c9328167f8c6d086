//! What a prompt's words suggest: a palette, and what stands in the landscape.

use super::colour::Lch;
use super::noise::Chance;

/// The air of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mood {
    Dawn,
    Dusk,
    Night,
    Forest,
    Sea,
    Desert,
    Snow,
    Meadow,
}

/// The colours of a picture.
#[derive(Clone, Copy, Debug)]
pub(super) struct Palette {
    /// The sky overhead.
    pub(super) zenith: Lch,
    /// The sky halfway down.
    pub(super) sky: Lch,
    /// Sky and far hills where they meet.
    pub(super) haze: Lch,
    /// Sun or moon.
    pub(super) sun: Lch,
    /// The crest of the nearest hill.
    pub(super) near: Lch,
}

/// Words that set a mood; the first of them found in the prompt decides.
const WORDS: &[(&str, Mood)] = &[
    ("night", Mood::Night),
    ("moon", Mood::Night),
    ("star", Mood::Night),
    ("space", Mood::Night),
    ("galaxy", Mood::Night),
    ("dawn", Mood::Dawn),
    ("sunrise", Mood::Dawn),
    ("morning", Mood::Dawn),
    ("sunset", Mood::Dusk),
    ("dusk", Mood::Dusk),
    ("evening", Mood::Dusk),
    ("sea", Mood::Sea),
    ("ocean", Mood::Sea),
    ("beach", Mood::Sea),
    ("boat", Mood::Sea),
    ("lake", Mood::Sea),
    ("water", Mood::Sea),
    ("lighthouse", Mood::Sea),
    ("desert", Mood::Desert),
    ("dune", Mood::Desert),
    ("sand", Mood::Desert),
    ("camel", Mood::Desert),
    ("snow", Mood::Snow),
    ("winter", Mood::Snow),
    ("ice", Mood::Snow),
    ("arctic", Mood::Snow),
    ("forest", Mood::Forest),
    ("tree", Mood::Forest),
    ("wood", Mood::Forest),
    ("jungle", Mood::Forest),
    ("fox", Mood::Forest),
    ("meadow", Mood::Meadow),
    ("field", Mood::Meadow),
    ("garden", Mood::Meadow),
    ("flower", Mood::Meadow),
    ("spring", Mood::Meadow),
];

const ALL: &[Mood] = &[
    Mood::Dawn,
    Mood::Dusk,
    Mood::Night,
    Mood::Forest,
    Mood::Sea,
    Mood::Desert,
    Mood::Snow,
    Mood::Meadow,
];

impl Mood {
    /// The mood of a prompt: by its words, otherwise by chance.
    pub(super) fn of(prompt: &str, chance: &mut Chance) -> Self {
        let drawn = chance.below(ALL.len() as u64);
        let prompt = prompt.to_lowercase();
        let said = prompt.split(|letter: char| !letter.is_alphanumeric()).find_map(|word| {
            let word = word.strip_suffix('s').unwrap_or(word);
            let known = WORDS.iter().find(|(known, _)| *known == word);
            known.map(|(_, mood)| *mood)
        });
        let by_chance = usize::try_from(drawn).ok().and_then(|i| ALL.get(i));
        said.or_else(|| by_chance.copied()).unwrap_or(Self::Dusk)
    }

    /// Its colours, before chance turns them a little.
    #[rustfmt::skip]
    pub(super) const fn palette(self) -> Palette {
        let [zenith, sky, haze, sun, near] = match self {
            Self::Dawn => [Lch(0.62, 0.09, 265.0), Lch(0.79, 0.08, 320.0), Lch(0.91, 0.07, 60.0), Lch(0.97, 0.06, 85.0), Lch(0.35, 0.07, 290.0)],
            Self::Dusk => [Lch(0.34, 0.11, 290.0), Lch(0.58, 0.16, 5.0), Lch(0.83, 0.13, 60.0), Lch(0.95, 0.11, 90.0), Lch(0.23, 0.07, 310.0)],
            Self::Night => [Lch(0.17, 0.06, 275.0), Lch(0.30, 0.09, 265.0), Lch(0.52, 0.08, 230.0), Lch(0.95, 0.03, 95.0), Lch(0.13, 0.04, 270.0)],
            Self::Forest => [Lch(0.74, 0.06, 210.0), Lch(0.85, 0.05, 170.0), Lch(0.92, 0.06, 110.0), Lch(0.98, 0.05, 100.0), Lch(0.27, 0.06, 160.0)],
            Self::Sea => [Lch(0.55, 0.12, 245.0), Lch(0.76, 0.09, 225.0), Lch(0.92, 0.06, 75.0), Lch(0.98, 0.06, 90.0), Lch(0.28, 0.07, 240.0)],
            Self::Desert => [Lch(0.60, 0.09, 220.0), Lch(0.82, 0.06, 90.0), Lch(0.90, 0.08, 70.0), Lch(0.98, 0.06, 95.0), Lch(0.42, 0.12, 38.0)],
            Self::Snow => [Lch(0.68, 0.07, 250.0), Lch(0.84, 0.04, 260.0), Lch(0.94, 0.03, 20.0), Lch(0.98, 0.04, 80.0), Lch(0.44, 0.06, 255.0)],
            Self::Meadow => [Lch(0.66, 0.11, 235.0), Lch(0.84, 0.07, 215.0), Lch(0.95, 0.06, 105.0), Lch(0.98, 0.08, 100.0), Lch(0.40, 0.10, 140.0)],
        };
        Palette { zenith, sky, haze, sun, near }
    }

    /// Whether conifers stand on its nearer hills.
    pub(super) const fn has_trees(self) -> bool {
        matches!(self, Self::Forest | Self::Snow | Self::Night)
    }

    /// How sharp its ridges are, from dunes to peaks.
    pub(super) const fn sharpness(self) -> f32 {
        match self {
            Self::Desert | Self::Meadow => 0.0,
            Self::Sea | Self::Dawn => 0.35,
            Self::Dusk | Self::Forest => 0.55,
            Self::Night | Self::Snow => 0.85,
        }
    }
}
